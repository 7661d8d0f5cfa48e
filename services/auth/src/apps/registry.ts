import { Inject, Injectable } from '@nestjs/common';
import type { ClientStatus } from '@provider-access/domain/access';
import type { AppRegistered, AppRejected } from '@provider-access/events';
import { ClientDetails, type ClientRegistration } from '@provider-access/facts';
import { Refusal } from '@provider-access/kernel';
import { type AuthConfig, CONFIG } from '../config.ts';
import {
  decide,
  evolve,
  type ClientCommand,
  type ClientEvent,
  type ClientState,
  type End,
  type EndBinding,
  ENDS,
  noBindingToEnd,
  noTransition,
  withBindingEvents,
} from '../domain/client.ts';
import { type KnownBindings, noBindings } from '../domain/bindings.ts';
import { RegistryStreams } from './registry-streams.ts';

/** How many processes may race to decide about one client. One of them wins each round. */
const ROUNDS = 10;
const FAULTS = { unknown: 'not-found', conflict: 'conflict', invalid: 'invalid-request' } as const;

/** An end of the app asks for no bindings, so that it waits for nothing. */
const needsBindings = ({ kind }: ClientCommand): boolean =>
  kind === 'approve' || kind === 'end-binding' || kind === 'narrow';

/** The events of a decision. A registration that is not in the log yet comes first. @throws Refusal 404, 409, 400 */
function decideFrom(
  command: ClientCommand,
  state: ClientState | undefined,
  application: AppRegistered | undefined,
  known: KnownBindings,
): readonly ClientEvent[] {
  const registered: readonly ClientEvent[] =
    state === undefined && application !== undefined ? [{ type: 'pa.app-registered.v1', data: application }] : [];
  const decision = decide(command, registered.reduce<ClientState | undefined>(evolve, state), known);
  if (!decision.ok) throw new Refusal(FAULTS[decision.fault], decision.text);
  return [...registered, ...decision.events];
}

/** Decides about apps. The caller gets its answer after every reader of pa.registry has read the decision. */
@Injectable()
export class Registry {
  constructor(
    @Inject(RegistryStreams) private readonly streams: RegistryStreams,
    @Inject(ClientDetails) private readonly details: ClientDetails,
    @Inject(CONFIG) private readonly config: AuthConfig,
  ) {}

  /**
   * Decides, and resolves when every process decides by the new state. A command that asks for the present state
   * changes nothing, but waits as well, because the first attempt may have timed out. If the stream does not exist yet,
   * `application` is published together with its approval.
   * @throws Refusal 404, 409, 400 by the decision; 503 when readers do not catch up in time
   */
  async execute(client: string, command: ClientCommand, application?: AppRegistered): Promise<void> {
    const name = `client/${client}`;
    for (let round = 0; round < ROUNDS; round++) {
      const head = await this.streams.head<ClientState, ClientEvent>({ name, client, evolve });
      const version = head?.version ?? 0;
      const known = needsBindings(command)
        ? await this.bindingsOf(client, name, version)
        : noBindings(this.streams.now());
      if (known === undefined) continue;
      const events = decideFrom(command, head?.snapshot, application, known);
      const decided = this.config.bindingEvents ? withBindingEvents(events) : events;
      const written = decided.map((event, i) => ({ ...event, id: `${client}/${version + i + 1}`, subject: client }));
      const appended =
        written.length === 0
          ? version
          : await this.streams.append(name, version, written, decided.reduce(evolve, head?.snapshot as ClientState));
      if (appended !== undefined) return this.streams.acknowledge(name, appended);
    }
    throw new Refusal('conflict', 'Other requests changed this client at the same time. Repeat the request.');
  }

  /**
   * The bindings of the app after this version of its stream, from the facts of this process, because earlier releases
   * keep none in the stream. Undefined if the app has changed since.
   * @throws Refusal 503 when this process does not read the version in time
   */
  private async bindingsOf(client: string, stream: string, version: number): Promise<KnownBindings | undefined> {
    const { now, version: read } = await this.streams.asRead(stream, version);
    if (read > version) return undefined;
    const app = this.details.get(client);
    // Without a change by the app, the stream itself says what the app asks for.
    const requested = app?.updatedAt !== undefined && {
      requested: { scope: app.requestedScope, waits: app.reviewedClaims !== undefined },
    };
    return { now, bindings: app?.bindings ?? [], ...requested };
  }

  /**
   * Keeps the rejection of an app that was never approved, for the report of decisions (APPS.md P33). The registration
   * itself stays out of the log, because anybody can register. A repetition changes nothing, but waits as well.
   * @throws Refusal 503 when readers do not catch up in time
   */
  async recordRejection({ client, name, registeredAt, history }: ClientRegistration): Promise<void> {
    const { by, reason, note } = history.findLast(({ status }) => status === 'rejected') ?? {};
    if (by === undefined || reason === undefined) return;
    const stream = `rejected/${client}`;
    const data: AppRejected = { client, by, reason, ...(note !== undefined && { note }), name, registeredAt };
    const event = { id: `${stream}/1`, type: 'pa.app-rejected.v1', subject: client, data };
    await this.streams.append(stream, 0, [event], data);
    await this.streams.acknowledge(stream, 1);
  }
  /** Why an app that waits cannot have what the command asks for. */
  refusal(command: End | EndBinding, status: ClientStatus): Refusal {
    const { kind } = command;
    return new Refusal(
      'conflict',
      kind === 'end-binding' ? noBindingToEnd(status) : noTransition(status, ENDS[kind].to),
    );
  }
  /** Checks a command about an unpublished registration, without a change. @throws Refusal 404, 409, 400 */
  check(command: ClientCommand, application: AppRegistered): void {
    decideFrom(command, undefined, application, noBindings(this.streams.now()));
  }
}
