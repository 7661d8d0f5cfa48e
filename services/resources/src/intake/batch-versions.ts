import { bufferOf, PA_RECORDS } from '@provider-access/events';
import type { NewRecord } from '@provider-access/engines/log';
import { keepData, VERSION_HEADER } from '@provider-access/records';
import type { Output } from '@provider-access/intake';
import type { Decided, Head, RecordEvent } from '../domain/decide.ts';
import { ValueRoom } from '../domain/json-bytes.ts';
import { acceptedJson } from '../domain/record-json.ts';
import type { InFlight } from '../domain/in-flight.ts';
import type { CurrentVersions } from './current-versions.ts';
import type { ReadEvent } from '../reading/read-event.ts';
import type { Superseded } from './version-keeper.ts';

/** The newest version of each record while one batch is decided. Each event changes it for the next one. */
export class BatchVersions {
  /** By record id. */
  heads = new Map<string, Head>();
  /** The versions that the batch replaces. */
  readonly superseded: Superseded[] = [];
  readonly #changed = new Map<string, Head>();
  /** Lines of the current versions that the batch wrote, by record id. */
  readonly #lines = new Map<string, Uint8Array>();
  #written: Output[] = [];
  readonly #values = new ValueRoom();
  readonly #current: CurrentVersions;
  readonly #inFlight: InFlight;
  readonly #stamp: number;

  /** @param stamp recorded time, ms since the epoch */
  constructor(current: CurrentVersions, stamp: number) {
    this.#current = current;
    this.#inFlight = current.inFlight;
    this.#stamp = stamp;
  }

  /** @param ids of the records that the batch is about */
  async load(ids: readonly string[]): Promise<void> {
    this.heads = await this.#current.headsOf(ids);
  }

  /** The recorded time of a version after `head`, ms since the epoch. */
  timeAfter(head: Head | undefined): number {
    return Math.max(this.#stamp, (head?.lastUpdated ?? 0) + 1);
  }

  /** Writes the record that an event becomes, if it becomes one. */
  write(event: ReadEvent, id: string, { event: next, head }: Pick<Decided, 'event' | 'head'>): void {
    if (next === undefined || head === undefined) return;
    const { data } = next;
    const line = 'line' in data ? bufferOf(data.line) : undefined;
    this.#supersede(id, data, head, line);
    this.#written.push({ topic: PA_RECORDS, record: encode(event, id, next, this.#values) });
    this.heads.set(id, head);
    this.#changed.set(id, head);
  }

  /** The records that were written since the last call. */
  written(): readonly Output[] {
    const written = this.#written;
    if (written.length > 0) this.#written = [];
    return written;
  }

  /** Call this when the records of the batch are durable. */
  async durable(): Promise<void> {
    this.#values.release();
    if (this.#changed.size > 0) await this.#current.wrote(this.#inFlight, this.#changed, this.#lines);
  }

  /** Notes the version that the next one replaces, and remembers the line of the next one. */
  #supersede(id: string, data: RecordEvent['data'], next: Head, written: Uint8Array | undefined): void {
    const head = this.heads.get(id);
    // A tombstone with versionId 1 removed nothing, so it is no version of the resource.
    const wasVersion = head !== undefined && (head.deleted !== true || head.versionId > 1);
    if (wasVersion && next.versionId > head.versionId) {
      const { member, type, id: resource } = data;
      const line = head.deleted === true ? undefined : (this.#lines.get(id) ?? this.#inFlight.lineOf(id));
      this.superseded.push({ id, about: { member, type, id: resource }, head, at: next.lastUpdated, line });
    }
    if (written === undefined) this.#lines.delete(id);
    else this.#lines.set(id, written);
  }
}

/**
 * Derives the id of our event from the inbound event, so that a redelivery writes the same id. The value and the line
 * are bytes, because the garbage collector would copy texts while they wait for the log and the views.
 */
function encode({ record }: ReadEvent, id: string, event: RecordEvent, values: ValueRoom): NewRecord {
  const { data } = event;
  const { traceparent } = record.headers;
  const encoded: NewRecord = {
    key: id,
    partitionKey: data.member,
    headers: {
      ce_specversion: '1.0',
      // In one piece: at a text that a template made, JSON.stringify would leave its fast path for the whole block.
      ce_id: [record.topic, record.partition, record.offset, data.member].join('/'),
      ce_type: event.type,
      // Not `urn:provider-access:resources`: the first release wrote this, and a batch that comes again must derive the
      // same events.
      ce_source: '/resources',
      ce_time: data.lastUpdated,
      ce_subject: data.member,
      [VERSION_HEADER]: String(data.versionId),
      'content-type': 'application/json',
      ...(traceparent !== undefined && { traceparent }),
    },
    value: 'line' in data ? acceptedJson(data, values) : Buffer.from(JSON.stringify(data)),
  };
  keepData(encoded, data);
  return encoded;
}
