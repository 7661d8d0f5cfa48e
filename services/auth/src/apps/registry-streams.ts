import { Inject, Injectable } from '@nestjs/common';
import { dataOf, type DomainEvent, encodeEvent, PA_REGISTRY, typeOf } from '@provider-access/events';
import { partitionFor, type Position, recordsFrom } from '@provider-access/engines/log';
import type { StreamHead } from '@provider-access/engines/state';
import { Parties } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { type AuthConfig, CONFIG } from '../config.ts';

/** A reader of pa.registry. auth acknowledges a change after the reader has read it. */
export interface RegistryReader {
  waitFor(position: Position, timeoutMs: number): Promise<boolean>;
}
/** Injection token of the readers: this process first, then the others. */
export const READERS = Symbol('RegistryReaders');

/** A stream about a client, and how its events make its state. */
interface ClientStream<State, Event> {
  readonly name: string;
  readonly client: string;
  evolve(state: State | undefined, event: Event): State;
}
/** `key`: of the record in the log. Default: the subject. */
type RegistryEvent = Pick<DomainEvent, 'id' | 'type' | 'subject' | 'data'> & { readonly key?: string };

/** The streams from which the relay fills pa.registry. A compare-and-set on a stream makes each decision once. */
@Injectable()
export class RegistryStreams {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Parties) private readonly known: Parties,
    @Inject(READERS) private readonly readers: readonly RegistryReader[],
    @Inject(CONFIG) private readonly config: AuthConfig,
  ) {}

  /**
   * The head of a stream about a client. After the state store was lost or restored from an older copy, the stream is
   * first restored from the log. Otherwise the next decision would get a version that readers have already seen, and
   * they would ignore it.
   * @throws EngineUnavailable
   */
  async head<State, Event>(stream: ClientStream<State, Event>): Promise<StreamHead<State> | undefined> {
    const { streams } = this.ports.state;
    const head = await streams.load<State>(stream.name);
    if (this.known.registry.version(stream.name) <= (head?.version ?? 0)) return head;
    const recalled = await this.recall(stream);
    if (recalled !== undefined) await streams.restore(stream.name, recalled.version, recalled.snapshot);
    return streams.load<State>(stream.name);
  }

  /** Appends behind `version`. @returns the new version, undefined if another process was faster */
  async append(
    stream: string,
    version: number,
    events: readonly RegistryEvent[],
    snapshot: unknown,
  ): Promise<number | undefined> {
    const common = { source: 'urn:provider-access:auth', time: instant(this.ports.clock.now()) };
    const records = events.map(({ key, ...event }) => ({
      topic: PA_REGISTRY,
      record: encodeEvent({ ...event, ...common }, { key }),
    }));
    const result = await this.ports.state.streams.append(stream, version, records, snapshot);
    return result.ok ? result.version : undefined;
  }

  /** The instant of a decision about an app, ms since the epoch: not before what this process has read (ADR 0016). */
  now(): number {
    return this.known.decisionTime(this.ports.clock.now());
  }
  /**
   * Waits until the facts of this process have this version of a stream, and says which version they have then.
   * @throws Refusal 503 when it takes too long
   */
  async asRead(stream: string, version: number): Promise<{ readonly now: number; readonly version: number }> {
    const { acknowledgeWithinMs } = this.config;
    if (this.known.registry.version(stream) < version) {
      const position = await this.ports.state.streams.published(stream, version, acknowledgeWithinMs);
      if (position === undefined || !(await this.known.waitFor(position, acknowledgeWithinMs))) throw notRead();
    }
    return { now: this.now(), version: this.known.registry.version(stream) };
  }

  /** Waits until every reader has read this version. @throws Refusal 503 when readers do not catch up in time */
  async acknowledge(stream: string, version: number): Promise<void> {
    const { acknowledgeWithinMs } = this.config;
    const position = await this.ports.state.streams.published(stream, version, acknowledgeWithinMs);
    const known =
      position && (await Promise.all(this.readers.map((reader) => reader.waitFor(position, acknowledgeWithinMs))));
    if (known === undefined || !known.every(Boolean)) throw notRead();
  }

  /** Folds the stream from the log: reads one partition of pa.registry from its beginning. */
  private async recall<State, Event>({
    name,
    client,
    evolve,
  }: ClientStream<State, Event>): Promise<StreamHead<State> | undefined> {
    const { log } = this.ports;
    const partition = partitionFor(client, await log.partitions(PA_REGISTRY));
    let head: StreamHead<State> | undefined;
    for await (const { headers, value } of recordsFrom(log, PA_REGISTRY, partition)) {
      const version = Number(headers['pa_version']);
      if (headers['pa_stream'] !== name || version <= (head?.version ?? 0)) continue;
      const event = { type: typeOf({ headers }), data: dataOf({ value }) } as Event;
      head = { version, snapshot: evolve(head?.snapshot, event) };
    }
    return head;
  }
}

const notRead = (): Refusal =>
  new Refusal('unavailable', 'Not every process has read the change yet. Repeat the request: a repeat is safe.', {
    retryAfter: 5,
  });
