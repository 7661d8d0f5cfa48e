import {
  type Appended,
  type AppendSize,
  deadLetterId,
  EngineUnavailable,
  type EventLog,
  type NewRecord,
  RecordTooLarge,
} from '@provider-access/engines/log';
import { type Access, type ConsentStatement, FactsStale, type StatementEffect } from '@provider-access/facts';
import { derivedEventId } from '@provider-access/intake';
import { sourceFault } from '@provider-access/intake/read';
import type { Metrics } from '@provider-access/service/observability';
import { FactsPace } from './facts-pace.ts';
import type { Incoming } from '../../reading/incoming.ts';
import { statedBy } from './stated.ts';

/** The part of `Access` that knows when an opt-out has effect. */
export type PayerFacts = Pick<Access, 'waitForPayer' | 'waitForPayerEverywhere' | 'effects'>;

/**
 * The answer for one event. `accepted`: durable in the log. `refused`: not stored. `unavailable`: perhaps stored,
 * because the log did not answer; the sender repeats the event under the same id. Opt-outs and opt-ins get another
 * status once every process knows them (docs/opt-outs.md): `effective` applies now, `scheduled` applies from `from` on,
 * `superseded` has no effect because the statement `by` is newer, and `parked` is a dead letter that denies its member.
 * `held` is an opt-in that would apply now, and `deadLetters` deny the member until they are resolved.
 * Its `reason` is `notice` if the member must get a notice first.
 */
export interface EventRow {
  readonly index: number;
  readonly id?: string;
  readonly status:
    'accepted' | 'effective' | 'scheduled' | 'superseded' | 'held' | 'parked' | 'refused' | 'unavailable';
  readonly reason?: string;
  readonly detail?: string;
  /** RFC 3339 instant. */
  readonly from?: string;
  /** Id of the payer's event that applies instead. */
  readonly by?: string;
  readonly deadLetter?: string;
  /** Of a `held` one, the oldest ones first. */
  readonly deadLetters?: readonly string[];
  readonly denies?: 'member';
  /** Of an `effective` opt-out that bars none of the providers to whom the member is attributed now. */
  readonly bars?: 0;
  readonly receipt: string;
}

const EFFECT_PATIENCE_MS = 5_000;
/** Most events and bytes of an append, which the log acknowledges together, where the log has no preference. */
export const APPEND_EVENTS = 250;
const APPEND_BYTES = 1024 * 1024;

/**
 * Appends the events of a request, with one append for each topic and `size`, and answers for each event. All requests
 * of the process share one pace.
 */
export class EventAppender {
  readonly size: AppendSize;
  readonly #log: EventLog;
  readonly #facts: PayerFacts;
  readonly #metrics: Metrics;
  /** Whether events of another source than the sandbox's synthetic payer are refused. */
  readonly #sandbox: boolean;
  readonly #pace: FactsPace;
  constructor(log: EventLog, facts: PayerFacts, metrics: Metrics, sandbox = false) {
    this.#log = log;
    this.size = log.appendSize ?? { records: APPEND_EVENTS, bytes: APPEND_BYTES };
    this.#facts = facts;
    this.#metrics = metrics;
    this.#sandbox = sandbox;
    this.#pace = new FactsPace((position, timeoutMs) => facts.waitForPayer(position, timeoutMs));
  }

  /**
   * Resolves when all events are durable. Rows of opt-outs and opt-ins are still pending then: they resolve to their
   * effect once the facts of every process have passed them, or to `accepted` after 5 s. If only a part could be
   * written, the rows of the others are `unavailable`.
   * @throws EngineUnavailable when the log stored nothing, or did not answer
   */
  async append(sent: readonly Incoming[], receipt: string): Promise<readonly (EventRow | Promise<EventRow>)[]> {
    const events = this.#sandbox ? sent.map(fromSandbox) : sent;
    const rows: (EventRow | Promise<EventRow>)[] = [];
    for (let at = 0; at < events.length; at += this.size.records) {
      const part = events.slice(at, at + this.size.records);
      if (part.some((event) => event.ok && !event.consent)) await this.#pace.room();
      try {
        rows.push(...(await this.#appendPart(part, receipt)));
      } catch (error) {
        if (!(error instanceof EngineUnavailable) || at === 0) throw error;
        rows.push(
          ...events.slice(at).map((event) => (event.ok ? unavailable(event, receipt) : refused(event, receipt))),
        );
        break;
      }
    }
    return rows;
  }

  async #appendPart(events: readonly Incoming[], receipt: string): Promise<readonly (EventRow | Promise<EventRow>)[]> {
    const byTopic = new Map<string, { records: NewRecord[]; consents: number[] }>();
    for (const event of events) {
      if (!event.ok) continue;
      let entry = byTopic.get(event.topic);
      if (entry === undefined) byTopic.set(event.topic, (entry = { records: [], consents: [] }));
      if (event.consent) entry.consents.push(entry.records.length);
      entry.records.push(event.record);
    }
    const effects = new Map<string, Promise<ReadonlyMap<NewRecord, StatementEffect>>>();
    const tooLarge = new Set<NewRecord>();
    const failed = new Map<string, EngineUnavailable>();
    for (const [topic, { records, consents }] of byTopic) {
      const appended = await this.#appendTo(topic, records, tooLarge).catch((error: unknown) => {
        if (!(error instanceof EngineUnavailable)) throw error;
        failed.set(topic, error);
        return undefined;
      });
      if (appended === undefined) continue;
      if (consents.length < records.length) this.#pace.appended({ [topic]: endOf(appended) });
      if (consents.length === 0) continue;
      const placed = consents.flatMap((i) =>
        appended[i] === undefined ? [] : [{ record: records[i]!, ...appended[i] }],
      );
      effects.set(
        topic,
        this.#effectsOf(topic, placed).catch((error: unknown) => {
          // The event is durable. Only its effect is unknown.
          if (error instanceof EngineUnavailable || error instanceof FactsStale) return new Map();
          throw error;
        }),
      );
    }
    if (failed.size > 0 && failed.size === byTopic.size) throw [...failed.values()][0]!;
    this.#metrics.count(
      'pa_intake_events_total',
      { service: 'resources', outcome: 'refused' },
      events.filter((event) => !event.ok).length + tooLarge.size,
    );
    return events.map((event) => {
      if (!event.ok) return refused(event, receipt);
      if (tooLarge.has(event.record))
        return refused({ ...event, reason: 'too-large', detail: 'the event is larger than the log accepts' }, receipt);
      if (failed.has(event.topic)) return unavailable(event, receipt);
      const row: EventRow = { index: event.index, id: event.id, status: 'accepted', receipt };
      const effect = event.consent ? effects.get(event.topic) : undefined;
      return effect === undefined ? row : effect.then((found): EventRow => ({ ...row, ...found.get(event.record) }));
    });
  }

  /** Waits until every process knows the opt-outs and opt-ins of one append, then reads their effects. */
  async #effectsOf(
    topic: string,
    placed: readonly (Appended & { readonly record: NewRecord })[],
  ): Promise<ReadonlyMap<NewRecord, StatementEffect>> {
    if (!(await this.#facts.waitForPayerEverywhere({ [topic]: endOf(placed) }, EFFECT_PATIENCE_MS))) return new Map();
    const statements = placed.map(({ record, partition, offset }): ConsentStatement => {
      const { headers } = record;
      const member = headers['ce_subject']!;
      const payerEvent = statedBy(record);
      return {
        member,
        event: derivedEventId({ id: headers['ce_id']!, source: headers['ce_source']! }, member),
        deadLetter: deadLetterId(topic, partition, offset),
        ...(payerEvent !== undefined && { payerEvent }),
      };
    });
    const effects = await this.#facts.effects(statements);
    return new Map(
      placed.flatMap(({ record }, i) => (effects[i] === undefined ? [] : [[record, effects[i]] as const])),
    );
  }

  /** Returns undefined for a record that is too large for the log, and adds it to `tooLarge`. */
  async #appendTo(
    topic: string,
    records: readonly NewRecord[],
    tooLarge: Set<NewRecord>,
  ): Promise<readonly (Appended | undefined)[]> {
    for (;;) {
      const rest = records.filter((r) => !tooLarge.has(r));
      try {
        const appended = (await this.#log.append(topic, rest)).values();
        return records.map((r) => (tooLarge.has(r) ? undefined : appended.next().value));
      } catch (error) {
        // The call wrote nothing. Repeat it without the event that is too large.
        if (!(error instanceof RecordTooLarge) || error.index === undefined || rest[error.index] === undefined)
          throw error;
        tooLarge.add(rest[error.index]!);
      }
    }
  }
}

/** The next offset of each partition, behind these records. Undefined stands for a record that was not written. */
export function endOf(appended: readonly (Appended | undefined)[]): number[] {
  const offsets: number[] = [];
  for (const place of appended) {
    if (place === undefined) continue;
    while (offsets.length <= place.partition) offsets.push(0);
    offsets[place.partition] = Math.max(offsets[place.partition]!, place.offset + 1);
  }
  return offsets;
}

const rowOf = (
  { index, id }: Pick<Incoming, 'index' | 'id'>,
  rest: Pick<EventRow, 'status' | 'reason' | 'detail' | 'receipt'>,
): EventRow => ({ index, ...(id !== undefined && { id }), ...rest });
const refused = (
  event: Pick<Incoming, 'index' | 'id'> & { readonly reason: string; readonly detail: string },
  receipt: string,
): EventRow => rowOf(event, { status: 'refused', reason: event.reason, detail: event.detail, receipt });
const unavailable = (event: Incoming, receipt: string): EventRow =>
  rowOf(event, {
    status: 'unavailable',
    reason: 'log-unavailable',
    detail: 'send the event again: a repeat changes nothing',
    receipt,
  });

/** In a sandbox: the same event, or its refusal if it does not come from the synthetic payer. */
function fromSandbox(event: Incoming): Incoming {
  if (!event.ok) return event;
  const fault = sourceFault({ source: event.record.headers['ce_source'] ?? '' });
  return fault === undefined ? event : { index: event.index, ok: false, id: event.id, ...fault };
}
