import type { PayerDays } from '@provider-access/domain/pdex/days';
import type { LinesSet } from '@provider-access/events';
import { isDayOrInstant, toInstant } from '@provider-access/fhir';
import { z } from 'zod';
import { PLAIN } from './names.ts';

const text = (most: number) =>
  z
    .string('must be a text')
    .trim()
    .min(1, 'must not be empty')
    .max(most, `is longer than ${most} characters`)
    .regex(PLAIN, 'holds control characters');
const START = 'must be a day (YYYY-MM-DD) or an instant with a zone';
const start = z
  .string(START)
  .regex(/^\d{4}-\d{2}-\d{2}(T.*)?$/, START)
  .refine(isDayOrInstant, START)
  .optional();
/** As the `plan` of an enrolment: nothing is cut off, because both are compared as they are. */
const planName = z.string('must be a text').min(1, 'must not be empty').max(500, 'is longer than 500 characters');
const plan = z.union(
  [planName.transform((name) => ({ plan: name })), z.strictObject({ plan: planName, start })],
  'must be a plan, or {"plan", "start"}',
);
const line = z.strictObject({
  line: z.string('must be a text').regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be lower-case letters, digits and hyphens'),
  name: text(200).optional(),
  start,
  source: text(500).optional(),
  note: text(1000).optional(),
  plans: z.array(plan, 'must be a list of plans').max(5000, 'has more than 5000 entries').default([]),
});

/**
 * The body that sets the table of lines: what a file of `pa lines set` has. A line without `start` is not started. Each
 * line and each plan stands there once.
 */
export const linesTable = z
  .strictObject({
    reason: text(500).optional(),
    sources: z.unknown().optional(),
    lines: z
      .array(line, 'must be a list of lines')
      .min(1, 'must name at least one line')
      .max(100, 'has more than 100 entries'),
  })
  .superRefine(({ lines }, context) => {
    const twice = (what: string, names: readonly string[]): void => {
      for (const name of new Set(names.filter((one, i) => names.indexOf(one) !== i)))
        context.addIssue({
          code: 'custom',
          path: ['lines'],
          message: `name the ${what} ${JSON.stringify(name)} twice`,
        });
    };
    twice(
      'line',
      lines.map(({ line: name }) => name),
    );
    twice(
      'plan',
      lines.flatMap(({ plans }) => plans.map(({ plan: name }) => name)),
    );
  });
export type LinesTable = z.output<typeof linesTable>;

/** Days become instants once, when the table is set. A day that gives access begins in the latest zone of the payer. */
export function linesOf({ lines }: LinesTable, days: PayerDays): LinesSet['lines'] {
  const starting = (day: string | undefined) =>
    day === undefined ? {} : { start: day, from: toInstant(days.permitsFrom(day)) };
  return lines.map(({ line: id, name, start: day, source, plans }) => ({
    line: id,
    ...(name !== undefined && { name }),
    ...starting(day),
    ...(source !== undefined && { source }),
    plans: plans.map((one) => ({ plan: one.plan, ...('start' in one && starting(one.start)) })),
  }));
}
