import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { AppRegistered } from '@provider-access/events';
import { asRegistered, type ClientRegistration } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { keyMark } from '@provider-access/smart';
import { type AuthConfig, CONFIG } from '../config.ts';
import { foreignKey, ForeignKeys } from './foreign-keys.ts';
import { InSequence } from './one-at-a-time.ts';

/** Namespace of the claims that hold a registration each. A claim expires by itself. */
const DOCUMENTS = 'registration';
/** The stream whose snapshot lists the registrations. */
const INDEX = 'registrations/waiting';
/** Attempts to change the index. In each round one of the instances that compete succeeds. */
const ROUNDS = 20;

interface Entry {
  readonly client: string;
  /** ms since the epoch. */
  readonly at: number;
  /** Hash of the sender's address block. */
  readonly from: string;
  /** Marks of its registered keys. The releases before have none. */
  readonly keys?: readonly string[];
  readonly rejected?: { readonly at: string; readonly by: string; readonly reason: string };
  /** A reviewer has approved it, and pa.registry may have it already. */
  readonly approved?: true;
}
interface Index {
  readonly entries: readonly Entry[];
}

/** How long a registration waits for a reviewer: 30 days. */
const KEEP_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * Registrations that no reviewer has approved. Because anybody can register, they are in the state store and not in
 * pa.registry: they expire, their number is bounded, and no other service reads them. At capacity, the address block
 * with the most registrations loses its oldest one, so a flood of registrations displaces itself first.
 */
@Injectable()
export class Applications {
  private readonly changes = new InSequence();

  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: AuthConfig,
    @Inject(ForeignKeys) private readonly foreignKeys: ForeignKeys,
  ) {
    ports.metrics.zero('pa_registrations_dropped_total');
  }

  /**
   * Keeps a new registration. `from`: hash of the sender's address block.
   * @returns when it expires, ms since the epoch
   * @throws Refusal 400 when another app has one of the keys: an approved one, or one that waits (ADR 0062)
   */
  async submit(app: AppRegistered, from: string): Promise<number> {
    if (this.foreignKeys.owner(app.client, app) !== undefined) throw foreignKey(app);
    const at = this.ports.clock.now();
    const expiresAt = at + KEEP_MS;
    // The document is written first, so that an index entry always has one.
    await this.ports.state.claims.claim(DOCUMENTS, app.client, JSON.stringify(app), expiresAt);
    const keys = (app.jwks?.keys ?? []).map(shortMark);
    let displaced: Entry[] = [];
    await this.change((entries) => {
      if (entries.some((e) => e.rejected === undefined && e.keys?.some((key) => keys.includes(key))))
        throw foreignKey(app);
      const kept = [...entries, { client: app.client, at, from, ...(keys.length > 0 && { keys }) }];
      displaced = [];
      while (kept.length > this.config.registrationsWaiting) displaced.push(...kept.splice(displacedNext(kept), 1));
      return kept;
    }).catch(async (error: unknown) => {
      await this.forget(app.client);
      throw error;
    });
    for (const { client } of displaced) await this.forget(client);
    if (displaced.length > 0)
      this.ports.metrics.count('pa_registrations_dropped_total', { reason: 'displaced' }, displaced.length);
    return expiresAt;
  }

  /** A registration that has not expired, pending or rejected. */
  async get(client: string): Promise<ClientRegistration | undefined> {
    if (!isClientId(client)) return undefined;
    const text = await this.ports.state.claims.get(DOCUMENTS, client);
    return text === undefined ? undefined : registrationOf(client, text, await this.entries());
  }

  /** As `get`, with the same queries whether or not there is such a registration. */
  async getWithEqualWork(client: string): Promise<ClientRegistration | undefined> {
    const id = isClientId(client) ? client : NO_CLIENT;
    const [text, entries] = await Promise.all([this.ports.state.claims.get(DOCUMENTS, id), this.entries()]);
    return text === undefined ? undefined : registrationOf(id, text, entries);
  }
  /** Ids and status, the oldest first. */
  async list(): Promise<readonly { readonly client: string; readonly status: 'pending' | 'rejected' }[]> {
    return (await this.entries()).map(({ client, rejected }) => ({
      client,
      status: rejected === undefined ? 'pending' : 'rejected',
    }));
  }

  /** A repeated rejection keeps the first reason. @throws Refusal 404, 409 when the approval has begun */
  async reject(client: string, by: string, reason: string): Promise<void> {
    await this.decide(client, (entry) => {
      if (entry.approved)
        throw new Refusal(
          'conflict',
          'The approval of this client has begun. Repeat the approval, then suspend the client.',
        );
      return entry.rejected === undefined
        ? { ...entry, rejected: { at: instant(this.ports.clock.now()), by, reason } }
        : entry;
    });
  }
  /**
   * Marks the registration, so that no reviewer can reject it while the approval runs. `check` throws if the approval
   * would be refused.
   * @throws Refusal 404, 409 when it is rejected
   */
  async beginApproval(client: string, check: (app: AppRegistered) => void): Promise<AppRegistered> {
    const text = await this.ports.state.claims.get(DOCUMENTS, client);
    if (text === undefined) throw unknownClient();
    const app = JSON.parse(text) as AppRegistered;
    await this.decide(client, (entry) => {
      if (entry.rejected !== undefined)
        throw new Refusal('conflict', 'The client is rejected, which is final. The app has to be registered again.');
      check(app);
      return { ...entry, approved: true };
    });
    return app;
  }
  /** Removes a registration after pa.registry has it. */
  async remove(client: string): Promise<void> {
    await this.change((entries) => entries.filter((e) => e.client !== client));
    await this.forget(client);
  }

  private decide(client: string, decision: (entry: Entry) => Entry): Promise<void> {
    return this.change((entries) => {
      if (!entries.some((e) => e.client === client)) throw unknownClient();
      return entries.map((e) => (e.client === client ? decision(e) : e));
    });
  }

  private async entries(): Promise<readonly Entry[]> {
    return this.live((await this.ports.state.streams.load<Index>(INDEX))?.snapshot.entries ?? []);
  }
  private live(entries: readonly Entry[]): readonly Entry[] {
    const from = this.ports.clock.now() - KEEP_MS;
    return entries.filter((e) => e.at > from);
  }

  /** Compares and sets the index. `decide` may run several times. */
  private change(decide: (entries: readonly Entry[]) => readonly Entry[]): Promise<void> {
    return this.changes.run(() => this.compete(decide));
  }
  private async compete(decide: (entries: readonly Entry[]) => readonly Entry[]): Promise<void> {
    const { streams } = this.ports.state;
    for (let round = 0; round < ROUNDS; round++) {
      const head = await streams.load<Index>(INDEX);
      const before = head?.snapshot.entries ?? [];
      const live = this.live(before);
      const entries = decide(live);
      if (entries.length === before.length && entries.every((e, i) => e === before[i])) return;
      const { ok } = await streams.append<Index>(INDEX, head?.version ?? 0, [], { entries });
      if (!ok) continue;
      if (live.length < before.length)
        this.ports.metrics.count('pa_registrations_dropped_total', { reason: 'expired' }, before.length - live.length);
      this.ports.metrics.set('pa_registrations_waiting', {}, entries.length);
      return;
    }
    throw new Refusal('unavailable', 'Too many apps are registered or reviewed at this moment. Repeat the request.', {
      retryAfter: 2,
    });
  }
  private async forget(client: string): Promise<void> {
    const { claims } = this.ports.state;
    const text = await claims.get(DOCUMENTS, client);
    if (text !== undefined) await claims.release(DOCUMENTS, client, text);
  }
}

/** Short, because the index is written anew with each registration. */
const shortMark = (key: unknown): string => createHash('sha256').update(keyMark(key)).digest('base64url').slice(0, 16);

/** An id that no client gets. */
const NO_CLIENT = `c-${'0'.repeat(32)}`;
/** The form of our ids: 16 random bytes. Text of another form needs no query. */
const isClientId = (client: string): boolean => /^c-[0-9a-f]{32}$/.test(client);
export const unknownClient = (): Refusal => new Refusal('not-found', 'There is no client with this id.');

/** `text`: the document of the app. Undefined if the app is in none of the entries. */
function registrationOf(client: string, text: string, entries: readonly Entry[]): ClientRegistration | undefined {
  const entry = entries.find((e) => e.client === client);
  if (entry === undefined) return undefined;
  const app = JSON.parse(text) as AppRegistered;
  const registered = asRegistered(app, app.registeredAt);
  const { rejected } = entry;
  if (rejected === undefined) return registered;
  const { at, reason } = rejected;
  return { ...registered, status: 'rejected', history: [...registered.history, { status: 'rejected', at, reason }] };
}

/** The index of the oldest entry of the sender with the most entries, without entries whose approval has begun. */
function displacedNext(entries: readonly Entry[]): number {
  const counts = new Map<string, number>();
  for (const { from } of entries) counts.set(from, (counts.get(from) ?? 0) + 1);
  const most = Math.max(...counts.values());
  const at = entries.findIndex((e) => e.approved === undefined && counts.get(e.from) === most);
  return at < 0 ? 0 : at;
}
