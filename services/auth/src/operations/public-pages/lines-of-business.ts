import type { LinesSet } from '@provider-access/events';

const sentence = (
  { line, name = line, start, from, plans }: LinesSet['lines'][number],
  now: number,
): readonly string[] => {
  const others = plans.some((plan) => plan.from !== undefined && plan.from !== from);
  const but = others ? ' Some plans start on another day.' : '';
  if (start === undefined || from === undefined) return [`${name}: not open yet.${but}`];
  return [`${name}: ${Date.parse(from) <= now ? 'open since' : 'opens on'} ${start.slice(0, 10)}.${but}`];
};

/**
 * What `/providers` says about lines of business, one sentence each. A deployment without a table of lines shares the
 * data of all lines. `now`: ms since the epoch
 */
export const linesOfBusiness = (table: LinesSet | undefined, now: number): readonly string[] =>
  table === undefined ? ['All lines of business are open.'] : table.lines.flatMap((line) => sentence(line, now));
