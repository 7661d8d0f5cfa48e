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
  /**
   * Services that read its records. Writers and readers also see its heads. Every service follows the topics from
   * which the party facts come, because it keeps them in memory.
   */
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
/** What the payer's directory says about specialties (ADR 0100). */
export const PA_DIRECTORY = 'pa.directory';
/** What the newest full file of each source says (ADR 0107). */
export const PA_FILE_ROWS = 'pa.file-rows';
export const PA_GROUPS = 'pa.groups';
/** What is known of a list as a whole, beside its members (ADR 0121). */
export const PA_LISTS = 'pa.lists';
/** What providers attest, and its end (ADR 0124). */
export const PA_ATTESTATIONS = 'pa.attestations';
export const PA_CONSENT = 'pa.consent';
export const PA_REGISTRY = 'pa.registry';
export const PA_EXPORTS = 'pa.exports';
export const PA_AUDIT = 'pa.audit';
export const PA_AUDIT_CHAIN = 'pa.audit-chain';
export const PA_SERVICE_LEVELS = 'pa.service-levels';
/** What the payer's data lacks (ADR 0051). */
export const PA_FEEDS = 'pa.feeds';
export const PA_DEPLOYMENT = 'pa.deployment';

/** What topics of one role have in common. A row says where it differs. */
const NARROW = { heads: [], spread: 'narrow', cleanup: 'keep' } as const;
const INBOUND = { role: 'inbound', heads: ['export'], spread: 'wide', cleanup: 'delete' } as const;
const DEAD_LETTERS = { role: 'dead-letter', ...NARROW } as const;
const DERIVED = { role: 'derived', heads: [], spread: 'wide', cleanup: 'keep' } as const;
const DECIDED = { role: 'decided', ...NARROW } as const;
const AUDITED = { role: 'audit', ...NARROW } as const;
const MEASURED = { role: 'measured', ...NARROW } as const;
const MARK = { role: 'mark', ...NARROW } as const;

const row = (
  name: string,
  key: string,
  kind: Pick<Topic, 'role' | 'heads' | 'spread' | 'cleanup'>,
  writers: readonly Writer[],
  readers: readonly Service[],
): Topic => ({ name, key, ...kind, writers, readers });

/**
 * `resources` writes to the payer's topics what comes by POST /events, and `attribution` the files that people import.
 */
const PUBLISHERS = ['payer', 'resources', 'attribution'] as const;
const INTAKES = ['attribution', 'consent', 'resources'] as const;
/** In this order, because it is the one of the docs. */
const PARKERS = ['resources', 'attribution', 'consent'] as const;

/** Each topic with its key, its writers and its readers. */
export const TOPICS: readonly Topic[] = [
  row(PAYER_MEMBER_EVENTS, 'member id', INBOUND, PUBLISHERS, INTAKES),
  row(PAYER_PROVIDER_EVENTS, 'NPI or organization id', INBOUND, PUBLISHERS, INTAKES),
  ...DEAD_LETTER_TOPICS.map((name) => row(name, 'dead letter id', DEAD_LETTERS, PARKERS, PARKERS)),
  row(PA_RECORDS, 'member and Type/id', { ...DERIVED, cleanup: 'compact' }, ['resources'], ['resources']),
  row(PA_RECORD_VERSIONS, 'member and Type/id', { ...DERIVED, cleanup: 'delete' }, ['resources'], ['resources']),
  row(PA_MEMBERS, 'member id', { ...DERIVED, heads: ['export'] }, ['attribution'], ['attribution']),
  row(PA_PROVIDERS, 'NPI, TIN or organization id', { ...DERIVED, cleanup: 'compact' }, ['attribution'], SERVICES),
  row(PA_DIRECTORY, 'Type/id', { ...DERIVED, spread: 'narrow', cleanup: 'compact' }, ['attribution'], SERVICES),
  row(PA_FILE_ROWS, 'member id, or source and kind', DERIVED, ['attribution', 'consent'], ['attribution']),
  row(PA_ATTRIBUTION, 'member id', DERIVED, ['attribution'], SERVICES),
  row(PA_GROUPS, 'Group id', { ...DERIVED, heads: ['export'] }, ['attribution'], ['attribution']),
  row(PA_LISTS, 'Group id', { ...DERIVED, spread: 'narrow' }, ['attribution'], ['attribution']),
  row(PA_ATTESTATIONS, 'member id, or Group id', DERIVED, ['export', 'attribution'], SERVICES),
  row(PA_CONSENT, 'member id', DERIVED, ['consent'], SERVICES),
  row(PA_REGISTRY, 'client id', DECIDED, ['auth'], SERVICES),
  row(PA_EXPORTS, 'job id', DECIDED, ['export'], ['export']),
  // Before the audit, because a copy reads the heads in this order: no seal may name records that the copy lacks.
  row(PA_AUDIT_CHAIN, 'one for all', AUDITED, ['attribution'], ['attribution']),
  row(
    PA_AUDIT,
    'member or client id',
    { ...AUDITED, spread: 'wide' },
    ['auth', 'attribution', 'resources', 'export'],
    ['attribution'],
  ),
  row(
    PA_SERVICE_LEVELS,
    'what is counted together: a partition of a topic, or an export',
    MEASURED,
    ['attribution', 'consent', 'resources', 'export'],
    ['attribution', 'resources'],
  ),
  row(PA_FEEDS, 'a partition of an inbound topic', MEASURED, ['resources'], ['attribution', 'resources']),
  row(PA_DEPLOYMENT, 'none: its first record is the mark', MARK, SERVICES, SERVICES),
];

const namesWhere = (holds: (topic: Topic) => boolean): readonly string[] =>
  TOPICS.filter(holds).map(({ name }) => name);
const writes = ({ writers }: Topic, service: string): boolean => (writers as readonly string[]).includes(service);

/** Topics that a service derives from others: its progress records cover these. */
export const derivedBy = (service: string): readonly string[] =>
  namesWhere((topic) => (topic.role === 'derived' || topic.role === 'dead-letter') && writes(topic, service));

/** Topics of decisions that a service makes once (state.streams): the only ones that its relay may append to. */
export const decidedBy = (service: string): readonly string[] =>
  namesWhere((topic) => topic.role === 'decided' && writes(topic, service));

/** What one service does with the log, by topic name. */
export const topicsOf = (service: Service) => ({
  writes: namesWhere((topic) => writes(topic, service)),
  reads: namesWhere(({ readers }) => readers.includes(service)),
  heads: namesWhere(({ heads }) => heads.includes(service)),
});

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

/** How a log keeps each topic. `retentionMs`: ms. */
export const topicSettings = (choices: TopicChoices = {}) => {
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
    retentionMs: cleanup === 'delete' ? days(name) * DAY_MS : ('unlimited' as const),
    maxRecordBytes: maxRecordBytes(name, inboundRecordBytes),
  }));
};
export type TopicSettings = ReturnType<typeof topicSettings>[number];
