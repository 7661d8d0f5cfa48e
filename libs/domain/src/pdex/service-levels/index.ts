export * from './business-calendar.ts';
export * from './measure.ts';
