import { type AppRegistered, encodeEvent, PA_REGISTRY } from '@provider-access/events';
import type { EventLog, Position } from '@provider-access/engines/log';
import { instant, Refusal } from '@provider-access/kernel';
import type { ServicePorts } from '@provider-access/service/http';
import type { StreamEvent, StreamHead } from '@provider-access/engines/state';
import { decide, evolve, type ClientCommand, type ClientEvent, type ClientState } from './domain/client.ts';
import { recallClient } from './recall.ts';

/** What this process knows of the log: the version of each client's stream that is there. */
export interface RegistryKnowledge {
  registryVersion(stream: string): number;
}

/** A reader that must know a change before the change is acknowledged. */
export interface RegistryReader {
  waitFor(position: Position, timeoutMs: number): Promise<boolean>;
}

export const SOURCE = 'urn:provider-access:auth';
/** How many processes may race to decide about one client. One of them wins each round. */
const ROUNDS = 10;
const FAULTS = { unknown: 'not-found', conflict: 'conflict', invalid: 'invalid-request' } as const;
const later = (): Refusal =>
  new Refusal('unavailable', 'The change is not visible everywhere yet. Repeat the request: that is safe.', {
    retryAfter: 5,
  });

/**
 * The events of a decision, with the registration before them where it is not in the log yet. @throws Refusal 404, 409,
 * 400
 */
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
 * Decisions about apps: made once (state.streams), published to pa.registry, and acknowledged when every reader knows
 * them.
 */
export class Registry {
  private readonly ports: Pick<ServicePorts, 'state' | 'clock'> & {
    readonly log: Pick<EventLog, 'partitions' | 'read'>;
  };
  private readonly known: RegistryKnowledge;
  private readonly readers: readonly RegistryReader[];
  private readonly timeoutMs: number;
  constructor(
    ports: Registry['ports'],
    known: RegistryKnowledge,
    readers: readonly RegistryReader[],
    timeoutMs: number,
  ) {
    this.ports = ports;
    this.known = known;
    this.readers = readers;
    this.timeoutMs = timeoutMs;
  }

  /**
   * Decides, and resolves when the next request to any process sees the decision. A command that asks for the present
   * state changes nothing and waits the same. `application`: the registration that is published together with its
   * approval, if the stream does not exist yet. @throws Refusal 404, 409, 400 by the decision, 503 when readers do not
   * follow in time
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
    throw new Refusal('conflict', 'Others are changing this client at the same time. Repeat the request.');
  }

  /** Whether a decision would be made, without making it. @throws Refusal 404, 409, 400 */
  check(command: ClientCommand, application: AppRegistered): void {
    decideFrom(command, undefined, application);
  }

  /**
   * The head of a client's stream. If the state store was lost or restored from an older copy, the head is first
   * brought up to the log. Otherwise a decision would get a version that readers already have: they would drop it,
   * although it was acknowledged.
   */
  private async head(client: string, stream: string): Promise<StreamHead<ClientState> | undefined> {
    const {
      state: { streams },
      log,
    } = this.ports;
    const head = await streams.load<ClientState>(stream);
    if (this.known.registryVersion(stream) <= (head?.version ?? 0)) return head;
    const recalled = await recallClient(log, client, stream);
    if (recalled !== undefined) await streams.restore(stream, recalled.version, recalled.snapshot);
    return streams.load<ClientState>(stream);
  }

  /**
   * Resolves when every reader knows this version of a stream of pa.registry. @throws Refusal 503 when they do not
   * follow in time
   */
  async acknowledge(stream: string, version: number): Promise<void> {
    const position = await this.ports.state.streams.published(stream, version, this.timeoutMs);
    if (position === undefined) throw later();
    const known = await Promise.all(this.readers.map((reader) => reader.waitFor(position, this.timeoutMs)));
    if (!known.every(Boolean)) throw later();
  }
  private async acknowledged(stream: string, version: number, state: ClientState): Promise<ClientState> {
    await this.acknowledge(stream, version);
    return state;
  }
}
