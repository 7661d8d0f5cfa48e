import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { REVIEW_TOO_OLD } from '@provider-access/domain/pdex/reasons';
import type { AppRegistered } from '@provider-access/events';
import { asRegistered, type ClientRegistration } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { keyMark } from '@provider-access/smart';
import { type AuthConfig, CONFIG } from '../config.ts';
import { type End, noTransition, type Reviewed } from '../domain/client.ts';
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
  readonly rejected?: { readonly at: string; readonly by: string; readonly reason: string; readonly note?: string };
  readonly reviewed?: Reviewed;
  /** A reviewer has approved it, and pa.registry may have it already. */
  readonly approved?: true;
}
interface Index {
  readonly entries: readonly Entry[];
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** How long a registration waits for a reviewer (APPS.md P24). */
const WAIT_MS = 30 * DAY_MS;
/** How long it is kept. For the time after the wait its status is `expired`, so that its developer reads why. */
const KEEP_MS = 60 * DAY_MS;
type WaitingStatus = 'submitted' | 'in-review' | 'rejected' | 'expired';

/**
 * Registrations that no reviewer has approved. Because anybody can register, they are in the state store and not in
 * pa.registry: they expire, their number is bounded, and no other service reads them. At capacity, the oldest one that
 * has expired leaves. Without such a one, the address block with the most registrations loses its oldest one, so a
 * flood of registrations displaces itself first.
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
    const expiresAt = at + WAIT_MS;
    // The document is written first, so that an index entry always has one.
    await this.ports.state.claims.claim(DOCUMENTS, app.client, JSON.stringify(app), at + KEEP_MS);
    const keys = (app.jwks?.keys ?? []).map(shortMark);
    let displaced: Entry[] = [];
    await this.change((entries) => {
      if (entries.some((e) => isOpen(e, at) && e.keys?.some((key) => keys.includes(key)))) throw foreignKey(app);
      const kept = [...entries, { client: app.client, at, from, ...(keys.length > 0 && { keys }) }];
      displaced = [];
      while (kept.length > this.config.registrationsWaiting) displaced.push(...kept.splice(displacedNext(kept, at), 1));
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

  /** A registration that no reviewer has approved. */
  async get(client: string): Promise<ClientRegistration | undefined> {
    if (!isClientId(client)) return undefined;
    const text = await this.ports.state.claims.get(DOCUMENTS, client);
    return text === undefined ? undefined : this.registration(client, text, await this.entries());
  }

  /** As `get`, with the same queries whether or not there is such a registration. */
  async getWithEqualWork(client: string): Promise<ClientRegistration | undefined> {
    const id = isClientId(client) ? client : NO_CLIENT;
    const [text, entries] = await Promise.all([this.ports.state.claims.get(DOCUMENTS, id), this.entries()]);
    return text === undefined ? undefined : this.registration(id, text, entries);
  }
  /** Ids, status and times of registration (ms since the epoch), the oldest first. */
  async list(): Promise<readonly { readonly client: string; readonly status: WaitingStatus; readonly at: number }[]> {
    const now = this.ports.clock.now();
    return (await this.entries()).map((entry) => ({
      client: entry.client,
      status: statusOf(entry, now),
      at: entry.at,
    }));
  }

  /** A repeated rejection keeps the first reason. @throws Refusal 404, 409 when the approval has begun */
  async reject(client: string, { by, reason, note }: End): Promise<void> {
    await this.decide(client, (entry) => {
      const now = this.ports.clock.now();
      if (entry.approved)
        throw new Refusal(
          'conflict',
          'The approval of this client has begun. Repeat the approval, then suspend the client.',
        );
      if (entry.rejected !== undefined) return entry;
      if (!isOpen(entry, now)) throw new Refusal('conflict', noTransition('expired', 'rejected'));
      return { ...entry, rejected: { at: instant(now), by, reason, ...(note !== undefined && { note }) } };
    });
  }
  /** Puts the registration in review. Who began a review keeps it. @throws Refusal 404, 409 */
  async review(client: string, by: string): Promise<void> {
    await this.decide(client, (entry) => {
      const now = this.ports.clock.now();
      const status = statusOf(entry, now);
      if (status === 'in-review') return entry;
      if (status !== 'submitted') throw new Refusal('conflict', noTransition(status, 'in-review'));
      return { ...entry, reviewed: { by, at: instant(now) } };
    });
  }
  /** Who put the registration in review. */
  async reviewed(client: string): Promise<Reviewed | undefined> {
    return (await this.entries()).find((entry) => entry.client === client)?.reviewed;
  }
  /**
   * Marks the registration, so that no reviewer can reject it while the approval runs. `check` throws if the approval
   * would be refused.
   * @throws Refusal 404, 409 when it is rejected or has waited too long
   */
  async beginApproval(client: string, check: (app: AppRegistered) => void): Promise<AppRegistered> {
    const text = await this.ports.state.claims.get(DOCUMENTS, client);
    if (text === undefined) throw unknownClient();
    const app = JSON.parse(text) as AppRegistered;
    await this.decide(client, (entry) => {
      const status = statusOf(entry, this.ports.clock.now());
      if (status === 'rejected' || (status === 'expired' && !entry.approved))
        throw new Refusal('conflict', noTransition(status, 'approved'));
      check(app);
      return { ...entry, approved: true };
    });
    return app;
  }
  /** Forgets a registration on the wish of its app. @throws Refusal 409 when the approval has begun */
  async withdraw(client: string): Promise<void> {
    await this.change((entries) => {
      if (entries.some((entry) => entry.client === client && entry.approved))
        throw new Refusal('conflict', 'The approval of this app has begun. Repeat the request.');
      return entries.filter((entry) => entry.client !== client);
    });
    await this.forget(client);
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

  /** `text`: the document of the app. Undefined if the app is in none of the entries. */
  private registration(client: string, text: string, entries: readonly Entry[]): ClientRegistration | undefined {
    const entry = entries.find((e) => e.client === client);
    if (entry === undefined) return undefined;
    const app = JSON.parse(text) as AppRegistered;
    return withEntry(asRegistered(app, app.registeredAt), entry, this.ports.clock.now());
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

const hasWaited = (entry: Entry, now: number): boolean => entry.at + WAIT_MS <= now;
/** Whether a reviewer may still decide. */
const isOpen = (entry: Entry, now: number): boolean => entry.rejected === undefined && !hasWaited(entry, now);
function statusOf(entry: Entry, now: number): WaitingStatus {
  if (entry.rejected !== undefined) return 'rejected';
  if (hasWaited(entry, now)) return 'expired';
  return entry.reviewed === undefined ? 'submitted' : 'in-review';
}

/** The registration with what its entry says. */
function withEntry(registered: ClientRegistration, entry: Entry, now: number): ClientRegistration {
  const { reviewed, rejected } = entry;
  const status = statusOf(entry, now);
  return {
    ...registered,
    status,
    history: [
      ...registered.history,
      ...(reviewed === undefined ? [] : [{ status: 'in-review' as const, ...reviewed }]),
      ...(rejected === undefined ? [] : [{ status: 'rejected' as const, ...rejected }]),
      ...(status === 'expired' ? [{ status, at: instant(entry.at + WAIT_MS), reason: REVIEW_TOO_OLD }] : []),
    ],
  };
}

/**
 * The index of the oldest entry that has waited too long; without one, of the oldest entry of the sender with the most
 * entries. Entries whose approval has begun stay.
 */
function displacedNext(entries: readonly Entry[], now: number): number {
  const old = entries.findIndex((e) => e.approved === undefined && hasWaited(e, now));
  if (old >= 0) return old;
  const counts = new Map<string, number>();
  for (const { from } of entries) counts.set(from, (counts.get(from) ?? 0) + 1);
  const most = Math.max(...counts.values());
  const at = entries.findIndex((e) => e.approved === undefined && counts.get(e.from) === most);
  return at < 0 ? 0 : at;
}
