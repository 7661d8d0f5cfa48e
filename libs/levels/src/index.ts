export * from './freshness.ts';
export * from './ledger.ts';
export * from './projection.ts';
export * from './report.ts';
export * from './unread.ts';
