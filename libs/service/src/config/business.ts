import { isTimeZone, PayerDays } from '@provider-access/domain/pdex/days';
import {
  type CalendarRules,
  DEFAULT_RULES,
  isIsoDate,
  type Weekday,
  WEEKDAYS,
} from '@provider-access/domain/pdex/service-levels';
import { z } from 'zod';
import { commaSeparated } from './values.ts';

const ZONES = 'IANA time zones such as America/Chicago, separated by commas';
const list = (text: string): string[] => commaSeparated(text).map((each) => each.toLowerCase());
const isWeekday = (text: string): text is Weekday => (WEEKDAYS as readonly string[]).includes(text);

/** Where the payer's days begin (`PayerDays`), and its business days, by which service levels are measured. */
export const businessEnv = {
  BUSINESS_TIME_ZONE: z
    .string()
    .transform(commaSeparated)
    .refine((zones) => zones.length > 0 && zones.every(isTimeZone), `must be ${ZONES}`)
    .transform((zones) => [...new Set(zones)])
    .optional()
    .describe(
      'Time zones of the payer, e.g. `America/New_York,Pacific/Honolulu`. A day that takes access away begins in ' +
        'the earliest of them, a day that gives access in the latest; without a value in UTC+14 and UTC-12 ' +
        '(`docs/opt-outs.md`). Business days are those of the first; without a value America/New_York.',
    ),
  BUSINESS_DAYS: z
    .string()
    .transform(list)
    .refine(
      (days) => days.length > 0 && days.every(isWeekday),
      `must be weekdays of ${WEEKDAYS.join(', ')}, separated by commas`,
    )
    .transform((days) => [...new Set(days)] as Weekday[])
    .default([...DEFAULT_RULES.days])
    .describe('Weekdays that are business days.'),
  BUSINESS_HOLIDAYS: z
    .string()
    .transform(list)
    .refine((days) => days.every(isIsoDate), 'must be dates such as 2026-12-25, separated by commas')
    .transform((days) => [...new Set(days)].toSorted())
    .optional()
    .describe(
      'Dates that are no business days whatever their weekday: `2026-11-26,2026-12-25`. Those of years past stay: ' +
        'what is open is judged by them.',
    ),
};
export type BusinessEnv = z.infer<z.ZodObject<typeof businessEnv>>;

export const calendarRules = (env: BusinessEnv): CalendarRules => ({
  timeZone: env.BUSINESS_TIME_ZONE?.[0] ?? DEFAULT_RULES.timeZone,
  days: env.BUSINESS_DAYS,
  holidays: env.BUSINESS_HOLIDAYS ?? [],
});

/** What an operator reads in the log when `lacksTimeZone`. */
export const NO_TIME_ZONE =
  'BUSINESS_TIME_ZONE is not set: a day that takes access away begins at UTC+14, and a day that gives access at ' +
  'UTC-12. ' +
  'Between spans that follow each other by the day, members are hidden for 26 hours. Set it to the time zones in ' +
  'which the payer counts days (/docs/deployment.html).';
/** Whether days mean the widest thing that they can, because the operator has not said where the payer counts them. */
export const lacksTimeZone = (env: Pick<BusinessEnv, 'BUSINESS_TIME_ZONE'>): boolean =>
  env.BUSINESS_TIME_ZONE === undefined;

/** What dates of events mean. */
export const payerDays = (env: Pick<BusinessEnv, 'BUSINESS_TIME_ZONE'>): PayerDays =>
  new PayerDays(env.BUSINESS_TIME_ZONE);

/**
 * The time from which on claims are measured. Older claims are history that the payer loaded at the beginning, and were
 * never late here.
 */
export const serviceLevelsSince = z
  .string()
  .refine(
    (v) => isIsoDate(v) || (/^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:\d{2})$/.test(v) && !Number.isNaN(Date.parse(v))),
    'must be a date or an instant with a zone',
  )
  .optional()
  .describe(
    'Claims and prior authorizations whose time in the event lies before are history and are not measured: a date ' +
      '(UTC) or an instant, such as the day of going live. Without it everything is.',
  );
