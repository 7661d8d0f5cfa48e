export * from './authorization-status.ts';
export * from './codes.ts';
export * from './consent.ts';
export * from './export-level.ts';
export * from './export-type.ts';
export * from './find-money.ts';
export * from './group.ts';
export { redact } from './redact/redact.ts';
export * from './service-date.ts';
