import { createHash } from 'node:crypto';
import {
  type AccessHeld,
  type DirectoryEntryRecorded,
  dataOf,
  type NetworkStatusRecorded,
  PA_ATTESTATIONS,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_DIRECTORY,
  PA_MEMBERS,
  PA_PROVIDERS,
  PA_REGISTRY,
  RECORDED_AT_HEADER,
} from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import type { Projection, TopicEvolve, ViewDocument } from '@provider-access/engines/views';
import { EVERY_SOURCE } from '@provider-access/domain/access';
import { recordedAt, subjectOf, typeOfRecord } from '../record.ts';
import {
  type DirectoryGaps,
  directoryGapsId,
  isDirectoryGaps,
  isRegistryBeginning,
  type RegistryBeginning,
  registryBeginningId,
  withRecord,
} from './directory-gaps.ts';

/**
 * One statement as the platform recorded it. The folds of the present make the facts of the past from these rows, so
 * nothing here says again what a statement means (ADR 0130).
 */
interface HistoryRow {
  /** Of whom or what: a member, an app, an identifier of a provider, an entry of the directory, or of `SUBJECTS`. */
  readonly subject: string;
  /** RFC 3339 instant; not before the newest transactionTime at the append (ADR 0023). */
  readonly recordedAt: string;
  readonly partition: number;
  readonly offset: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The JSON of the event's data. */
  readonly value: string;
}

/** Subjects that are no ids. They have a space, and no id has one. */
export const SUBJECTS = {
  /** Tables of the lines of business. */
  lines: 'all lines',
  /** Restores of the log, and their acceptance. */
  restores: 'all restores',
  /** Holds of any source. */
  sources: 'all sources',
  source: (source: string): string => `source ${source}`,
} as const;

/** What the folds read of the headers. */
const HEADERS = [
  'ce_id',
  'ce_time',
  'ce_type',
  'ce_subject',
  'ce_pasource',
  RECORDED_AT_HEADER,
  'pa_stream',
  'pa_version',
] as const;
/** Types that begin to count at the time of their event, so two with equal data are two statements. */
const DATED: ReadonlySet<string> = new Set(['pa.access-held.v1', 'pa.access-released.v1']);
/** Of the registry: what no decision reads. Anybody can register. */
const UNDECIDING: ReadonlySet<string> = new Set([
  'pa.app-registered.v1',
  'pa.signing-key-published.v1',
  'pa.signing-key-withdrawn.v1',
]);

const textOf = ({ value }: LogRecord): string => Buffer.from(value).toString();
/** Equal statements have one id, so they are one row (APPS.md P13). */
function idOf(record: LogRecord, subject: string): string {
  const type = typeOfRecord(record);
  const isDated = record.topic === PA_REGISTRY || DATED.has(type);
  const hash = createHash('sha256');
  for (const part of [subject, type, record.headers['ce_pasource'], isDated ? record.headers['ce_time'] : '', ''])
    hash.update(`${part ?? ''}\n`);
  return hash.update(record.value).digest('base64url').slice(0, 27);
}
function rowOf(record: LogRecord, subject: string): HistoryRow {
  const { partition, offset, headers } = record;
  return {
    subject,
    recordedAt: recordedAt(record),
    partition,
    offset,
    headers: Object.fromEntries(
      HEADERS.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
    ),
    value: textOf(record),
  };
}

/** The subjects of a hold of a whole source. One that cannot be read may concern any source. */
function sourcesOfHold(record: LogRecord): readonly string[] {
  try {
    return [SUBJECTS.source(dataOf<AccessHeld>(record).source), SUBJECTS.sources];
  } catch {
    return [SUBJECTS.source(EVERY_SOURCE), SUBJECTS.sources];
  }
}
const ofMember = (record: LogRecord): readonly string[] => {
  const subject = subjectOf(record);
  if (subject !== undefined) return [subject];
  return DATED.has(typeOfRecord(record)) ? sourcesOfHold(record) : [];
};
const ofRegistry = (record: LogRecord): readonly string[] => {
  const type = typeOfRecord(record);
  if (UNDECIDING.has(type)) return [];
  if (type === 'pa.lines-set.v1') return [SUBJECTS.lines];
  if (type === 'pa.log-restored.v1' || type === 'pa.restore-accepted.v1') return [SUBJECTS.restores];
  return [subjectOf(record) ?? ''].filter((subject) => subject !== '');
};
/** Each identifier that the record names, because it may be asked about by any of them. */
const ofProviders = (record: LogRecord): readonly string[] => {
  const named = [subjectOf(record) ?? ''];
  try {
    const { with: others = [], providers = [] } = dataOf<NetworkStatusRecorded & AccessHeld>(record);
    named.push(...others, ...providers);
  } catch {
    // Its subject is denied, as in the facts of the present.
  }
  return [...new Set(named)].filter((subject) => subject !== '');
};
const ofDirectory = (record: LogRecord): readonly string[] => {
  const named = [subjectOf(record) ?? ''];
  try {
    const { entry, providers, of = [] } = dataOf<DirectoryEntryRecorded>(record);
    named.push(entry, ...providers, ...of);
  } catch {
    // Its entry is forgotten, as in the facts of the present.
  }
  return [...new Set(named)].filter((subject) => subject !== '');
};

/** Each topic with the name of its part, and whom or what a record is about. */
const TOPICS: Readonly<Record<string, readonly [part: string, subjects: (record: LogRecord) => readonly string[]]>> = {
  [PA_MEMBERS]: ['members', ofMember],
  [PA_ATTRIBUTION]: ['attribution', ofMember],
  [PA_CONSENT]: ['consent', ofMember],
  [PA_ATTESTATIONS]: ['attestations', ofMember],
  [PA_REGISTRY]: ['registry', ofRegistry],
  [PA_PROVIDERS]: ['providers', ofProviders],
  [PA_DIRECTORY]: ['directory', ofDirectory],
};

/** Beside the rows, what the topic lacks. */
function directory([part, subjects]: (typeof TOPICS)[string]): TopicEvolve<HistoryRow | DirectoryGaps> {
  const topic = topicOf(part, subjects);
  return {
    part,
    keys: (record) => [...topic.keys(record), directoryGapsId(record.partition)],
    evolve: (known, record, key) =>
      isDirectoryGaps(key)
        ? withRecord(known as DirectoryGaps | undefined, record)
        : topic.evolve(known as HistoryRow | undefined, record, key),
  };
}
/** Beside the rows, since when it is known. */
function registry([part, subjects]: (typeof TOPICS)[string]): TopicEvolve<HistoryRow | RegistryBeginning> {
  const topic = topicOf(part, subjects);
  return {
    part,
    keys: (record) => [...topic.keys(record), registryBeginningId(record.partition)],
    evolve: (known, record, key) => {
      if (!isRegistryBeginning(key)) return topic.evolve(known as HistoryRow | undefined, record, key);
      return known === undefined ? { begins: recordedAt(record) } : undefined;
    },
  };
}
function topicOf(part: string, subjects: (record: LogRecord) => readonly string[]): TopicEvolve<HistoryRow> {
  return {
    part,
    keys: (record) => subjects(record).map((subject) => idOf(record, subject)),
    // The first of several equal statements stays, because it says since when the platform knows it.
    evolve: (known, record, key) =>
      known === undefined
        ? rowOf(
            record,
            subjects(record).find((subject) => idOf(record, subject) === key)!,
          )
        : undefined,
    begins: () => true,
  };
}

/**
 * Every statement about members, apps and providers, one document each (APPS.md P12). Other views drop what cannot
 * decide any more (ADR 0017), and Kafka has no read by key. Only questions about the past read it, so nobody waits for
 * it, and several records share a write.
 */
export const history: Projection = {
  owner: 'facts',
  name: 'history',
  version: 1,
  topics: {
    ...Object.fromEntries(Object.entries(TOPICS).map(([topic, named]) => [topic, topicOf(...named)])),
    [PA_DIRECTORY]: directory(TOPICS[PA_DIRECTORY]!),
    [PA_REGISTRY]: registry(TOPICS[PA_REGISTRY]!),
  },
  indexes: Object.values(TOPICS).map(([part]) => ({
    name: `by_${part}`,
    fields: [`${part}.subject`, `${part}.recordedAt`],
  })),
  lingerMs: 100,
  commitMs: 100,
};
export const HISTORY_TOPICS: readonly string[] = Object.keys(TOPICS);

/** The index of a topic. */
export const indexOf = (topic: string): string => `by_${TOPICS[topic]![0]}`;
/** Of whom or what the row of a document is. */
export const subjectIn = (document: ViewDocument, topic: string): string =>
  (document[TOPICS[topic]![0]] as HistoryRow).subject;
/** The row of a document, as the record that it was. */
export function recordIn(document: ViewDocument, topic: string): LogRecord & { readonly recordedAt: string } {
  const { partition, offset, headers, value, recordedAt: at } = document[TOPICS[topic]![0]] as HistoryRow;
  const { [RECORDED_AT_HEADER]: _floor, ...others } = headers;
  return {
    topic,
    partition,
    offset,
    key: '',
    headers: others,
    value: Buffer.from(value),
    timestamp: Date.parse(at),
    recordedAt: at,
  };
}
