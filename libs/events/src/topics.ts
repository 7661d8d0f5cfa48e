/**
 * Topics as data: which services write and read them, and how a log keeps them (docs/topics.md). No engine is known
 * here.
 */

export const SERVICES = ['auth', 'attribution', 'consent', 'resources', 'export'] as const;
export type Service = (typeof SERVICES)[number];
/** A writer: a service, or the payer's own systems. */
type Writer = Service | 'payer';

export interface Topic {
  readonly name: string;
  /** What the record key is, for operators and ACLs. */
  readonly key: string;
  /**
   * `derived` and `dead-letter` topics are outputs of derivations; `decided` ones of decisions made once
   * (state.streams); `audit` and `measured` ones are evidence; `mark` says what kind of deployment this is.
   */
  readonly role: 'inbound' | 'dead-letter' | 'derived' | 'decided' | 'audit' | 'measured' | 'mark';
  readonly writers: readonly Writer[];
  /** Services that read its records. Writers and readers also see its heads. */
  readonly readers: readonly Service[];
  /** Services that look at its heads alone. */
  readonly heads: readonly Service[];
  /** `wide`: as many partitions as the members need, the same number in each. `narrow`: few records. */
  readonly spread: 'wide' | 'narrow';
  /**
   * `delete`: after the retention that the payer chooses, or after that of superseded versions. `compact`: the last of
   * each key, for ever. `keep`: everything, for ever.
   */
  readonly cleanup: 'delete' | 'compact' | 'keep';
}

export const PAYER_MEMBER_EVENTS = 'payer.member-events';
export const PAYER_PROVIDER_EVENTS = 'payer.provider-events';
export const PAYER_TOPICS = [PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS] as const;
export const deadLetterTopic = (topic: string): string => `${topic}.dead-letter`;
export const DEAD_LETTER_TOPICS = PAYER_TOPICS.map(deadLetterTopic);

export const PA_RECORDS = 'pa.records';
/** Superseded versions of records, for vread and history (ADR 0045). */
export const PA_RECORD_VERSIONS = 'pa.record-versions';
export const PA_MEMBERS = 'pa.members';
export const PA_PROVIDERS = 'pa.providers';
export const PA_ATTRIBUTION = 'pa.attribution';
export const PA_GROUPS = 'pa.groups';
export const PA_CONSENT = 'pa.consent';
export const PA_REGISTRY = 'pa.registry';
export const PA_EXPORTS = 'pa.exports';
export const PA_AUDIT = 'pa.audit';
export const PA_AUDIT_CHAIN = 'pa.audit-chain';
export const PA_SERVICE_LEVELS = 'pa.service-levels';
/** What the payer's data lacks (ADR 0051). */
export const PA_FEEDS = 'pa.feeds';
export const PA_DEPLOYMENT = 'pa.deployment';

/** Every service keeps the party facts in memory by following the topics that they come from. */
const EVERY_SERVICE = SERVICES;

/** What topics of one role have in common. A row says where it differs. */
const INBOUND = { role: 'inbound', heads: ['export'], spread: 'wide', cleanup: 'delete' } as const;
const DEAD_LETTERS = { role: 'dead-letter', heads: [], spread: 'narrow', cleanup: 'keep' } as const;
const DERIVED = { role: 'derived', heads: [], spread: 'wide', cleanup: 'keep' } as const;
const DECIDED = { role: 'decided', heads: [], spread: 'narrow', cleanup: 'keep' } as const;

/** `resources` writes to the payer's topics what comes by POST /events. */
const PUBLISHERS = ['payer', 'resources'] as const;
const INTAKES = ['attribution', 'consent', 'resources'] as const;
/** In this order, because it is the one of the docs. */
const PARKERS = ['resources', 'attribution', 'consent'] as const;

export const TOPICS: readonly Topic[] = [
  { name: PAYER_MEMBER_EVENTS, key: 'member id', ...INBOUND, writers: PUBLISHERS, readers: INTAKES },
  { name: PAYER_PROVIDER_EVENTS, key: 'NPI or organization id', ...INBOUND, writers: PUBLISHERS, readers: INTAKES },
  ...DEAD_LETTER_TOPICS.map((name) => ({
    name,
    key: 'dead letter id',
    ...DEAD_LETTERS,
    writers: PARKERS,
    readers: PARKERS,
  })),
  {
    name: PA_RECORDS,
    key: 'member and Type/id',
    ...DERIVED,
    writers: ['resources'],
    readers: ['resources'],
    cleanup: 'compact',
  },
  {
    name: PA_RECORD_VERSIONS,
    key: 'member and Type/id',
    ...DERIVED,
    writers: ['resources'],
    readers: ['resources'],
    cleanup: 'delete',
  },
  {
    name: PA_MEMBERS,
    key: 'member id',
    ...DERIVED,
    writers: ['attribution'],
    readers: ['attribution'],
    heads: ['export'],
  },
  {
    name: PA_PROVIDERS,
    key: 'NPI, TIN or organization id',
    ...DERIVED,
    writers: ['attribution'],
    readers: EVERY_SERVICE,
    cleanup: 'compact',
  },
  { name: PA_ATTRIBUTION, key: 'member id', ...DERIVED, writers: ['attribution'], readers: EVERY_SERVICE },
  { name: PA_GROUPS, key: 'Group id', ...DERIVED, writers: ['attribution'], readers: ['attribution'] },
  { name: PA_CONSENT, key: 'member id', ...DERIVED, writers: ['consent'], readers: EVERY_SERVICE },
  { name: PA_REGISTRY, key: 'client id', ...DECIDED, writers: ['auth'], readers: EVERY_SERVICE },
  { name: PA_EXPORTS, key: 'job id', ...DECIDED, writers: ['export'], readers: ['export'] },
  // Before the audit, because a copy reads the heads in this order: no seal may name records that the copy lacks.
  {
    name: PA_AUDIT_CHAIN,
    key: 'one for all',
    role: 'audit',
    writers: ['attribution'],
    readers: ['attribution'],
    heads: [],
    spread: 'narrow',
    cleanup: 'keep',
  },
  {
    name: PA_AUDIT,
    key: 'member or client id',
    role: 'audit',
    writers: ['auth', 'attribution', 'resources', 'export'],
    readers: ['attribution'],
    heads: [],
    spread: 'wide',
    cleanup: 'keep',
  },
  {
    name: PA_SERVICE_LEVELS,
    key: 'what is counted together: a partition of a topic, or an export',
    role: 'measured',
    writers: ['attribution', 'consent', 'resources', 'export'],
    readers: ['attribution', 'resources'],
    heads: [],
    spread: 'narrow',
    cleanup: 'keep',
  },
  {
    name: PA_FEEDS,
    key: 'a partition of an inbound topic',
    role: 'measured',
    writers: ['resources'],
    readers: ['resources'],
    heads: [],
    spread: 'narrow',
    cleanup: 'keep',
  },
  {
    name: PA_DEPLOYMENT,
    key: 'none: its first record is the mark',
    role: 'mark',
    writers: EVERY_SERVICE,
    readers: EVERY_SERVICE,
    heads: [],
    spread: 'narrow',
    cleanup: 'keep',
  },
];

/** Topics that a service derives from others: its progress records cover these. */
export const derivedBy = (service: string): readonly string[] =>
  TOPICS.filter(
    ({ role, writers }) =>
      (role === 'derived' || role === 'dead-letter') && (writers as readonly string[]).includes(service),
  ).map(({ name }) => name);

/** Topics of decisions that a service makes once (state.streams): the only ones that its relay may append to. */
export const decidedBy = (service: string): readonly string[] =>
  TOPICS.filter(({ role, writers }) => role === 'decided' && (writers as readonly string[]).includes(service)).map(
    ({ name }) => name,
  );

/** What one service does with the log, by topic name. */
export interface ServiceTopics {
  readonly writes: readonly string[];
  readonly reads: readonly string[];
  readonly heads: readonly string[];
}

export function topicsOf(service: Service): ServiceTopics {
  const where = (holds: (topic: Topic) => boolean): readonly string[] => TOPICS.filter(holds).map(({ name }) => name);
  return {
    writes: where((t) => t.writers.includes(service)),
    reads: where((t) => t.readers.includes(service)),
    heads: where((t) => t.heads.includes(service)),
  };
}

const MIB = 1024 * 1024;
/** Bytes of an inbound record at most, unless the deployment says otherwise. */
export const DEFAULT_MAX_RECORD_BYTES = 6 * MIB;

/**
 * Bytes of one record at most. Inbound topics take `inbound`; our own take twice that and a little: whatever was
 * accepted must also fit into a dead letter (base64) or recorded (a line inside JSON).
 */
export const maxRecordBytes = (topic: string, inbound: number = DEFAULT_MAX_RECORD_BYTES): number =>
  (PAYER_TOPICS as readonly string[]).includes(topic) ? inbound : 2 * inbound + MIB;

/** A day in ms. */
const DAY_MS = 24 * 60 * 60 * 1000;
/** What a deployment may choose. A partition count never changes in place (docs/topics.md). */
export interface TopicChoices {
  /** Partitions of every `wide` topic. Default 12. */
  readonly partitions?: number;
  /** How long payer topics are kept, days. Default 30. A payer may keep them longer. */
  readonly payerRetentionDays?: number;
  /** How long a superseded version of a record is kept, days. Default 400. */
  readonly versionRetentionDays?: number;
  /** Bytes of an inbound record. Default 6 MiB. */
  readonly inboundRecordBytes?: number;
}
const DEFAULT_PARTITIONS = 12;
export const NARROW_PARTITIONS = 3;
export const DEFAULT_PAYER_RETENTION_DAYS = 30;
const DEFAULT_VERSION_RETENTION_DAYS = 400;

/** How a log keeps a topic. */
export interface TopicSettings {
  readonly name: string;
  readonly partitions: number;
  readonly compacted: boolean;
  /** ms */
  readonly retentionMs: number | 'unlimited';
  readonly maxRecordBytes: number;
}

export const topicSettings = (choices: TopicChoices = {}): readonly TopicSettings[] => {
  const {
    partitions = DEFAULT_PARTITIONS,
    payerRetentionDays = DEFAULT_PAYER_RETENTION_DAYS,
    versionRetentionDays = DEFAULT_VERSION_RETENTION_DAYS,
    inboundRecordBytes,
  } = choices;
  const days = (name: string): number => (name === PA_RECORD_VERSIONS ? versionRetentionDays : payerRetentionDays);
  return TOPICS.map(({ name, spread, cleanup }) => ({
    name,
    partitions: spread === 'wide' ? partitions : Math.min(NARROW_PARTITIONS, partitions),
    compacted: cleanup === 'compact',
    retentionMs: cleanup === 'delete' ? days(name) * DAY_MS : 'unlimited',
    maxRecordBytes: maxRecordBytes(name, inboundRecordBytes),
  }));
};
