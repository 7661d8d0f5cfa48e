export * from './payer.ts';
export { enrolled } from './enrolled.ts';
export { LivingPayer } from './live.ts';
export type { MemberLedger, MemberOutline } from './ledger.ts';
export type { MemberStory } from './story.ts';
export type { ProviderOrganization } from './roster.ts';
export { npiOf } from './identifiers.ts';
export { PAYER } from './profiles.ts';
