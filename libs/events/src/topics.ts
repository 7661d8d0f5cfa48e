/** Topics, who writes them and how they are kept (ARCHITECTURE §2). */
export interface TopicDefinition {
  readonly name: string;
  /** What the record key is, for operators and ACLs. */
  readonly key: string;
  readonly writtenBy: string;
  readonly cleanup: 'delete' | 'compact' | 'keep';
}

export const PAYER_MEMBER_EVENTS = 'payer.member-events';
export const PAYER_PROVIDER_EVENTS = 'payer.provider-events';
export const PAYER_TOPICS = [PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS] as const;
export const deadLetterTopic = (topic: string): string => `${topic}.dead-letter`;
export const DEAD_LETTER_TOPICS = PAYER_TOPICS.map(deadLetterTopic);

export const PA_RECORDS = 'pa.records';
export const PA_MEMBERS = 'pa.members';
export const PA_PROVIDERS = 'pa.providers';
export const PA_ATTRIBUTION = 'pa.attribution';
export const PA_GROUPS = 'pa.groups';
export const PA_CONSENT = 'pa.consent';
export const PA_REGISTRY = 'pa.registry';
export const PA_EXPORTS = 'pa.exports';
export const PA_AUDIT = 'pa.audit';

export const TOPICS: readonly TopicDefinition[] = [
  { name: PAYER_MEMBER_EVENTS, key: 'member id', writtenBy: 'payer, POST /events', cleanup: 'delete' },
  { name: PAYER_PROVIDER_EVENTS, key: 'NPI or organization id', writtenBy: 'payer, POST /events', cleanup: 'delete' },
  { name: deadLetterTopic(PAYER_MEMBER_EVENTS), key: 'dead letter id', writtenBy: 'resources, attribution, consent', cleanup: 'keep' },
  { name: deadLetterTopic(PAYER_PROVIDER_EVENTS), key: 'dead letter id', writtenBy: 'resources, attribution', cleanup: 'keep' },
  { name: PA_RECORDS, key: 'member and Type/id', writtenBy: 'resources', cleanup: 'compact' },
  { name: PA_MEMBERS, key: 'member id', writtenBy: 'attribution', cleanup: 'keep' },
  { name: PA_PROVIDERS, key: 'NPI, TIN or organization id', writtenBy: 'attribution', cleanup: 'compact' },
  { name: PA_ATTRIBUTION, key: 'member id', writtenBy: 'attribution', cleanup: 'keep' },
  { name: PA_GROUPS, key: 'Group id', writtenBy: 'attribution', cleanup: 'keep' },
  { name: PA_CONSENT, key: 'member id', writtenBy: 'consent', cleanup: 'keep' },
  { name: PA_REGISTRY, key: 'client id', writtenBy: 'auth', cleanup: 'keep' },
  { name: PA_EXPORTS, key: 'job id', writtenBy: 'export', cleanup: 'keep' },
  { name: PA_AUDIT, key: 'member or client id', writtenBy: 'every service', cleanup: 'keep' },
];
