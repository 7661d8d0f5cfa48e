export { PayerDays } from './payer-days.ts';
export { DAY_MS, isTimeZone, TimeZone } from './time-zone.ts';
