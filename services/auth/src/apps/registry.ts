import { Inject, Injectable } from '@nestjs/common';
import { type AppRegistered, encodeEvent, PA_REGISTRY } from '@provider-access/events';
import type { Position } from '@provider-access/engines/log';
import { Parties } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import type { StreamEvent, StreamHead } from '@provider-access/engines/state';
import { type AuthConfig, CONFIG } from '../config.ts';
import { decide, evolve, type ClientCommand, type ClientEvent, type ClientState } from '../domain/client.ts';
import { streamHead } from './stream-head.ts';

/** A reader of pa.registry. auth acknowledges a change after the reader has read it. */
export interface RegistryReader {
  waitFor(position: Position, timeoutMs: number): Promise<boolean>;
}
/** Injection token of the readers: this process first, then the others. */
export const READERS = Symbol('RegistryReaders');

export const SOURCE = 'urn:provider-access:auth';
/** How many processes may race to decide about one client. One of them wins each round. */
const ROUNDS = 10;
const FAULTS = { unknown: 'not-found', conflict: 'conflict', invalid: 'invalid-request' } as const;
const later = (): Refusal =>
  new Refusal('unavailable', 'Not every process has read the change yet. Repeat the request: a repeat is safe.', {
    retryAfter: 5,
  });

/** The events of a decision. A registration that is not in the log yet comes first. @throws Refusal 404, 409, 400 */
function decideFrom(
  command: ClientCommand,
  state: ClientState | undefined,
  application: AppRegistered | undefined,
): readonly ClientEvent[] {
  const registered: readonly ClientEvent[] =
    state === undefined && application !== undefined ? [{ type: 'pa.app-registered.v1', data: application }] : [];
  const decision = decide(command, registered.reduce<ClientState | undefined>(evolve, state));
  if (!decision.ok) throw new Refusal(FAULTS[decision.fault], decision.text);
  return [...registered, ...decision.events];
}

/**
 * Decides about apps. A compare-and-set on the app's stream makes each decision once, the relay publishes it to
 * pa.registry, and the caller gets its answer after every reader has read it.
 */
@Injectable()
export class Registry {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Parties) private readonly known: Parties,
    @Inject(READERS) private readonly readers: readonly RegistryReader[],
    @Inject(CONFIG) private readonly config: AuthConfig,
  ) {}

  /**
   * Decides, and resolves when every process decides by the new state. A command that asks for the present state
   * changes nothing, but waits as well, because the first attempt may have timed out. If the stream does not exist yet,
   * `application` is published together with its approval.
   * @throws Refusal 404, 409, 400 by the decision; 503 when readers do not catch up in time
   */
  async execute(client: string, command: ClientCommand, application?: AppRegistered): Promise<ClientState> {
    const { streams } = this.ports.state;
    const stream = `client/${client}`;
    for (let round = 0; round < ROUNDS; round++) {
      const head = await this.head(client, stream);
      const decided = decideFrom(command, head?.snapshot, application);
      const version = head?.version ?? 0;
      if (decided.length === 0) return this.acknowledged(stream, version, head!.snapshot);
      const time = instant(this.ports.clock.now());
      const events = decided.map((event, i): StreamEvent => ({
        topic: PA_REGISTRY,
        record: encodeEvent({
          id: `${client}/${version + i + 1}`,
          source: SOURCE,
          type: event.type,
          time,
          subject: client,
          data: event.data,
        }),
      }));
      const snapshot = decided.reduce(evolve, head?.snapshot as ClientState);
      const result = await streams.append(stream, version, events, snapshot);
      if (result.ok) return this.acknowledged(stream, result.version, snapshot);
    }
    throw new Refusal('conflict', 'Other requests changed this client at the same time. Repeat the request.');
  }

  /** Checks a command about an unpublished registration, without a change. @throws Refusal 404, 409, 400 */
  check(command: ClientCommand, application: AppRegistered): void {
    decideFrom(command, undefined, application);
  }

  private head(client: string, stream: string): Promise<StreamHead<ClientState> | undefined> {
    const { state, log } = this.ports;
    return streamHead<ClientState, ClientEvent>({ streams: state.streams, log }, this.known, {
      name: stream,
      client,
      evolve,
    });
  }

  /** Waits until every reader has read this version. @throws Refusal 503 when readers do not catch up in time */
  async acknowledge(stream: string, version: number): Promise<void> {
    const { acknowledgeWithinMs } = this.config;
    const position = await this.ports.state.streams.published(stream, version, acknowledgeWithinMs);
    if (position === undefined) throw later();
    const known = await Promise.all(this.readers.map((reader) => reader.waitFor(position, acknowledgeWithinMs)));
    if (!known.every(Boolean)) throw later();
  }
  private async acknowledged(stream: string, version: number, state: ClientState): Promise<ClientState> {
    await this.acknowledge(stream, version);
    return state;
  }
}
