import { type CalendarRules, DEFAULT_RULES, isIsoDate, isTimeZone, type Weekday, WEEKDAYS } from '@provider-access/pdex/service-levels';
import { z } from 'zod';

const list = (text: string): string[] => text.split(',').map((each) => each.trim().toLowerCase()).filter((each) => each !== '');
const isWeekday = (text: string): text is Weekday => (WEEKDAYS as readonly string[]).includes(text);

/** The payer's business days, by which service levels are measured (docs/service-levels.md). */
export const businessEnv = {
  BUSINESS_TIME_ZONE: z.string().refine(isTimeZone, 'must be an IANA time zone such as America/Chicago').default(DEFAULT_RULES.timeZone).describe('Time zone of the payer\'s business days, e.g. `America/Chicago`.'),
  BUSINESS_DAYS: z.string().transform(list).refine((days) => days.length > 0 && days.every(isWeekday), `must be weekdays of ${WEEKDAYS.join(', ')}, separated by commas`).transform((days) => [...new Set(days)] as Weekday[])
    .default([...DEFAULT_RULES.days]).describe('Weekdays that are business days.'),
  BUSINESS_HOLIDAYS: z.string().transform(list).refine((days) => days.every(isIsoDate), 'must be dates such as 2026-12-25, separated by commas').transform((days) => [...new Set(days)].toSorted())
    .optional().describe('Dates that are no business days whatever their weekday: `2026-11-26,2026-12-25`. Those of years past stay: what is open is judged by them.'),
};
export type BusinessEnv = z.infer<z.ZodObject<typeof businessEnv>>;

export const calendarRules = (env: BusinessEnv): CalendarRules => ({ timeZone: env.BUSINESS_TIME_ZONE, days: env.BUSINESS_DAYS, holidays: env.BUSINESS_HOLIDAYS ?? [] });

/** From when on claims are measured: what a payer loads at the beginning is history, and was never late here. */
export const serviceLevelsSince = z.string().refine((v) => isIsoDate(v) || (/^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:\d{2})$/.test(v) && !Number.isNaN(Date.parse(v))), 'must be a date or an instant with a zone')
  .optional().describe('Claims and prior authorizations whose time in the event lies before are history and are not measured: a date (UTC) or an instant, such as the day of going live. Without it everything is.');
