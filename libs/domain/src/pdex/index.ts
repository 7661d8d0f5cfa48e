export * from './codes.ts';
export * from './consent.ts';
export * from './export-type.ts';
export * from './find-money.ts';
export * from './group.ts';
export * from './profiles.ts';
export { AMOUNT_REMOVED, maskAmounts } from './redact/mask.ts';
export { type Redaction, redact } from './redact/redact.ts';
export * from './service-date.ts';
