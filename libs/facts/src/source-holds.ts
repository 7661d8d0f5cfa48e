import { ANY_SOURCE, EVERY_SOURCE, type HoldFact } from '@provider-access/domain/access';
import { type AccessHeld, PA_ATTESTATIONS, PA_ATTRIBUTION, PA_CONSENT, dataOf } from '@provider-access/events';
import { type EventLog, type LogRecord, reached } from '@provider-access/engines/log';
import type { Projection, TopicEvolve, ViewDocument, ViewPosition, Views } from '@provider-access/engines/views';
import { fewReleased, heldUnprojected, holdFacts, type Holds, holdsAfter } from './holds.ts';
import { subjectOf, typeOfRecord } from './record.ts';

/**
 * Each service holds and releases a source for itself. A source that one service has released may still be held by the
 * other.
 */
const PARTS = { [PA_CONSENT]: 'consent', [PA_ATTRIBUTION]: 'attribution' } as const;
type Part = (typeof PARTS)[keyof typeof PARTS];

/** Whether a record holds or releases a whole source: such a record names no member. */
export const concernsSource = (record: LogRecord): boolean => {
  const type = typeOfRecord(record);
  return (type === 'pa.access-held.v1' || type === 'pa.access-released.v1') && subjectOf(record) === undefined;
};

/** The state of one dead letter in one service. */
interface SourceHoldPart {
  readonly deadLetter: string;
  readonly source: string;
  readonly hold: Holds[string];
}
const holdsOf = (part: SourceHoldPart | undefined): Holds =>
  part === undefined ? {} : { [part.deadLetter]: part.hold };

const topicOf = (part: Part): TopicEvolve<SourceHoldPart> => ({
  part,
  keys: (record) => (concernsSource(record) ? [readable(record)?.deadLetter ?? unprojected(record).deadLetter] : []),
  evolve: (known, record) => {
    const { deadLetter, source } = readable(record)!;
    return { deadLetter, source, hold: holdsAfter(holdsOf(known), record)![deadLetter]! };
  },
  failed: (_known, record) => (isHold(record) ? unprojected(record) : undefined),
});

const isHold = (record: LogRecord): boolean => typeOfRecord(record) === 'pa.access-held.v1';
function readable(record: LogRecord): AccessHeld | undefined {
  try {
    const { deadLetter, source, ...more } = dataOf<AccessHeld>(record);
    return typeof deadLetter === 'string' && typeof source === 'string' ? { deadLetter, source, ...more } : undefined;
  } catch {
    return undefined;
  }
}
/** A hold that the platform cannot read may concern any source, so it denies everybody. */
function unprojected(record: LogRecord): SourceHoldPart {
  const [[deadLetter, hold]] = Object.entries(heldUnprojected(undefined, record)) as [[string, Holds[string]]];
  return { deadLetter, source: EVERY_SOURCE, hold };
}

/**
 * Holds of whole sources, one document for each dead letter. There are few of them, in topics with a record for every
 * statement about a member. So a process that starts reads these documents, and follows the topics from the position of
 * this view (`Parties`).
 */
export const sourceHolds: Projection = {
  owner: 'facts',
  name: 'source-holds',
  version: 2,
  topics: {
    [PA_CONSENT]: topicOf('consent'),
    [PA_ATTRIBUTION]: topicOf('attribution'),
    // It holds no source. The view has its position, so that a start does not read every attestation.
    [PA_ATTESTATIONS]: { part: 'attestations', keys: () => [], evolve: () => undefined },
  },
  indexes: [
    { name: 'by_consent', fields: ['consent.deadLetter'] },
    { name: 'by_attribution', fields: ['attribution.deadLetter'] },
  ],
  // Nobody waits for this view.
  lingerMs: 100,
};

/**
 * Holds of whole sources in memory: the content of the view, and every record after it. Neither the order nor
 * repetitions matter.
 */
export class SourceHolds {
  readonly #sources = new Map<string, Map<Part, Holds>>();

  /** For `ANY_SOURCE`, the holds of all sources. */
  facts(source: string): readonly HoldFact[] {
    const held =
      source === ANY_SOURCE ? [...this.#sources.values()] : [this.#sources.get(source) ?? new Map<Part, Holds>()];
    return held.flatMap((parts) => [...parts.values()]).flatMap(holdFacts);
  }
  /** Sources that are held now. */
  open(): number {
    return [...this.#sources.keys()].filter((source) => this.facts(source).some(({ to }) => to === undefined)).length;
  }
  /** A record of one of the view's topics. */
  evolve(record: LogRecord): void {
    if (!concernsSource(record)) return;
    const part = PARTS[record.topic as keyof typeof PARTS];
    const byPart = this.#holdsOf(readable(record)!.source);
    byPart.set(part, holdsAfter(byPart.get(part), record)!);
  }
  /** Handles a record at which `evolve` threw. */
  failed(record: LogRecord): void {
    if (!concernsSource(record) || !isHold(record)) return;
    const part = PARTS[record.topic as keyof typeof PARTS];
    const byPart = this.#holdsOf(EVERY_SOURCE);
    byPart.set(part, heldUnprojected(byPart.get(part), record));
  }
  /** Call this before the first record. */
  load(documents: readonly ViewDocument[]): void {
    const all = new Map<Map<Part, Holds>, Record<Part, Record<string, Holds[string]>>>();
    for (const document of documents) {
      for (const part of Object.values(PARTS)) {
        const held = document[part] as SourceHoldPart | undefined;
        // The view's note about a record that it passed over is no hold.
        if (held?.source === undefined) continue;
        const byPart = this.#holdsOf(held.source);
        let parts = all.get(byPart);
        if (parts === undefined) all.set(byPart, (parts = { consent: {}, attribution: {} }));
        parts[part][held.deadLetter] = held.hold;
      }
    }
    for (const [byPart, parts] of all)
      for (const part of Object.values(PARTS)) byPart.set(part, fewReleased(parts[part]));
  }

  #holdsOf(source: string): Map<Part, Holds> {
    let byPart = this.#sources.get(source);
    if (byPart === undefined) this.#sources.set(source, (byPart = new Map()));
    return byPart;
  }
}

export interface SourceHoldsRead {
  readonly position: ViewPosition;
  readonly documents: readonly ViewDocument[];
}
/** How often the view is read again if its store may have lost something between the two reads. */
const ATTEMPTS = 5;

/**
 * Reads the view's position, then its documents, so that the documents are at least as new. Undefined if nobody has run
 * the view yet, if the store keeps losing data, or if the view belongs to another log.
 * @throws EngineUnavailable
 */
export async function readSourceHolds({
  log,
  views,
}: {
  readonly log: Pick<EventLog, 'head'>;
  readonly views: Pick<Views, 'reader' | 'store'>;
}): Promise<SourceHoldsRead | undefined> {
  const reader = views.reader(sourceHolds);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const incarnation = views.store.incarnation();
    const position = await reader.position();
    if (
      Object.values(position.topics)
        .flat()
        .every((next) => next === 0)
    )
      return undefined;
    const documents = new Map<string, ViewDocument>();
    for (const { name } of sourceHolds.indexes)
      for await (const document of reader.scan({ index: name })) documents.set(document._id, document);
    const { topics } = await reader.position();
    if (views.store.incarnation() !== incarnation || !reached(topics, position.topics)) continue;
    return reached(await log.head(Object.keys(sourceHolds.topics)), position.topics)
      ? { position, documents: [...documents.values()] }
      : undefined;
  }
  return undefined;
}
