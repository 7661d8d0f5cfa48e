import { createHash } from 'node:crypto';
import {
  deadLetterTopic,
  type DeadLetterDiscarded,
  type DeadLetterReplayed,
  type EventParked,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
  type Service,
  typeOf,
  dataOf,
} from '@provider-access/events';
import { base32 } from '@provider-access/kernel';
import { type Metrics, type Sample, shared, valueIn } from '@provider-access/service/observability';
import type { LogRecord } from '@provider-access/engines/log';
import type { Projection, TopicEvolve, ViewReader } from '@provider-access/engines/views';

export type DeadLetterStatus = 'open' | 'replayed' | 'discarded';
/** A dead letter. Its original bytes stay in the dead-letter topic at `place`. */
export interface DeadLetterPart {
  readonly status: DeadLetterStatus;
  readonly reason: string;
  readonly detail: string;
  /** Dead letters with one cause have the same reason, detail and type of event, so one correction may fit them all. */
  readonly cause: string;
  readonly parkedBy: string;
  readonly parkedAt: string;
  readonly event: {
    readonly id?: string;
    readonly type?: string;
    readonly source?: string;
    readonly subject?: string;
    readonly time?: string;
    readonly receipt?: string;
  };
  /** The inbound record. */
  readonly origin: { readonly topic: string; readonly partition: number; readonly offset: number };
  /** The record in the dead-letter topic. */
  readonly place: { readonly topic: string; readonly partition: number; readonly offset: number };
  readonly attempt: number;
  readonly resolution?: {
    readonly by: string;
    readonly at: string;
    readonly reason?: string;
    readonly corrected?: boolean;
    readonly event?: string;
  };
}

const PARKED = 'pa.event-parked.v1';
const TYPES = new Set<string | undefined>([PARKED, 'pa.dead-letter-replayed.v1', 'pa.dead-letter-discarded.v1']);

/** The letters of a cause behind its reason. */
const CAUSE_LETTERS = 16;
/**
 * Names a cause by its reason and a digest of the rest. The digest keeps the name short, and free of the type of event,
 * which the sender wrote.
 */
function causeOf(reason: string, detail: string, type: string | undefined): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([reason, detail, type]))
    .digest();
  return `${reason}.${base32(digest).slice(0, CAUSE_LETTERS)}`;
}
export const CAUSE = /^[a-z0-9-]{1,64}\.[a-z2-7]{16}$/;

function opened(record: LogRecord): DeadLetterPart {
  const { headers: h, ...data } = dataOf<EventParked>(record);
  const event = {
    id: h['ce_id'],
    type: h['ce_type'],
    source: h['ce_source'],
    subject: h['ce_subject'],
    time: h['ce_time'],
    receipt: h['ce_pareceipt'],
  };
  return {
    status: 'open',
    reason: data.reason,
    detail: data.detail,
    cause: causeOf(data.reason, data.detail, event.type),
    parkedBy: data.parkedBy,
    parkedAt: data.parkedAt,
    event: Object.fromEntries(Object.entries(event).filter(([, v]) => v !== undefined)),
    origin: { topic: data.topic, partition: data.partition, offset: data.offset },
    place: { topic: record.topic, partition: record.partition, offset: record.offset },
    attempt: Number(h['ce_paattempt'] ?? 1),
  };
}

const fromDeadLetters = (part: string): TopicEvolve<DeadLetterPart> => ({
  part,
  begins: (record) => typeOf(record) === PARKED,
  keys: (record) => (TYPES.has(typeOf(record)) ? [record.key] : []),
  // If a record cannot be folded, the dead letter keeps its state, so that it stays on the list of open ones.
  failed: () => undefined,
  evolve(part, record) {
    switch (typeOf(record)) {
      // A redelivery must not open a dead letter again that was replayed or discarded.
      case PARKED:
        return part === undefined ? opened(record) : undefined;
      case 'pa.dead-letter-replayed.v1': {
        if (part === undefined) return undefined;
        const { by, at, corrected, event } = dataOf<DeadLetterReplayed>(record);
        return { ...part, status: 'replayed', resolution: { by, at, corrected, event } };
      }
      default: {
        if (part === undefined) return undefined;
        const { by, at, reason } = dataOf<DeadLetterDiscarded>(record);
        return { ...part, status: 'discarded', resolution: { by, at, reason } };
      }
    }
  },
});

/** Each topic writes a part of its own. */
const PARTS: Readonly<Record<string, string>> = {
  [deadLetterTopic(PAYER_MEMBER_EVENTS)]: 'member',
  [deadLetterTopic(PAYER_PROVIDER_EVENTS)]: 'provider',
};

export const DEAD_LETTER_PARTS = Object.values(PARTS);

const PARKERS: readonly Service[] = ['resources', 'attribution', 'consent'];

export const deadLetters: Projection = {
  owner: 'resources',
  name: 'dead-letters',
  version: 2,
  topics: Object.fromEntries(Object.entries(PARTS).map(([topic, part]) => [topic, fromDeadLetters(part)])),
  indexes: Object.values(PARTS).flatMap((part) => [
    { name: `by_status_${part}`, fields: [`${part}.status`, `${part}.parkedAt`] },
    { name: `by_time_${part}`, fields: [`${part}.parkedAt`] },
    { name: `by_cause_${part}`, fields: [`${part}.status`, `${part}.cause`, `${part}.parkedAt`] },
  ]),
};

/** Counting stops at this number for each topic. */
const COUNTED = 2000;
const EVERY_MS = 15_000;

/** Measures open dead letters, by inbound topic and by the service that wrote them. */
export function measureDeadLetters(metrics: Metrics, reader: ViewReader): void {
  const open = shared(async () => {
    const samples = new Map<string, Sample<'pa_dead_letters_open'>>();
    for (const [topic, part] of Object.entries(PARTS)) {
      const documents = await reader.find({ index: `by_status_${part}`, equals: ['open'], limit: COUNTED });
      for (const service of PARKERS) samples.set(`${topic} ${service}`, { labels: { topic, service }, value: 0 });
      for (const document of documents) {
        const service = valueIn(PARKERS, (document[part] as DeadLetterPart).parkedBy);
        const { value = 0 } = samples.get(`${topic} ${service}`) ?? {};
        samples.set(`${topic} ${service}`, { labels: { topic, service }, value: value + 1 });
      }
    }
    return [...samples.values()];
  }, EVERY_MS);
  metrics.read('pa_dead_letters_open', open);
}

export interface DeadLetter {
  readonly id: string;
  readonly letter: DeadLetterPart;
}

export async function getDeadLetter(reader: ViewReader, id: string): Promise<DeadLetterPart | undefined> {
  const document = await reader.get(id);
  return document === undefined
    ? undefined
    : (Object.values(PARTS)
        .map((part) => document[part])
        .find((p) => p !== undefined) as DeadLetterPart | undefined);
}

interface After {
  readonly at: string;
  readonly id: string;
}
interface FindLetters {
  readonly status?: DeadLetterStatus | undefined;
  /** Of this cause. It needs a status. */
  readonly cause?: string | undefined;
  /** From this position in the order on. */
  readonly after?: After | undefined;
  readonly limit: number;
}

/** Dead letters of all topics, the oldest first. */
export async function findDeadLetters(
  reader: ViewReader,
  { status, cause, after, limit }: FindLetters,
): Promise<readonly DeadLetter[]> {
  const query = (part: string) => {
    if (status === undefined) return { index: `by_time_${part}` };
    return cause === undefined
      ? { index: `by_status_${part}`, equals: [status] }
      : { index: `by_cause_${part}`, equals: [status, cause] };
  };
  const pages = await Promise.all(
    Object.values(PARTS).map(async (part) => {
      const documents = await reader.find({
        ...query(part),
        ...(after !== undefined && { after: { values: [after.at], id: after.id } }),
        limit,
      });
      return documents.map((d) => ({ id: d._id, letter: d[part] as DeadLetterPart }));
    }),
  );
  return pages
    .flat()
    .toSorted((a, b) =>
      a.letter.parkedAt < b.letter.parkedAt ? -1 : a.letter.parkedAt > b.letter.parkedAt ? 1 : a.id < b.id ? -1 : 1,
    )
    .slice(0, limit);
}
