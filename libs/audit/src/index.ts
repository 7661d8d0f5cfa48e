export * from './audit.ts';
export { auditedQuery } from './audited-query.ts';
export type * from './entry.ts';
export * from './sampled-refusals.ts';
export * from './disclosures.ts';
export * from './service-levels/ledger.ts';
export * from './service-levels/projection.ts';
export * from './service-levels/report.ts';
export * from './service-levels/unread.ts';
