export * from './payer.ts';
export type { MemberLedger } from './ledger.ts';
export type { ProviderOrganization } from './roster.ts';
export { npiOf } from './identifiers.ts';
