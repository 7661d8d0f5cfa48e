import { BoundedMap } from '@provider-access/kernel';
import { bindingEnd, type ClientFacts, type ClientStatus } from '@provider-access/domain/access';
import {
  type AppRegistered,
  dataOf,
  type LinesSet,
  type LogRestored,
  type ProviderKey,
  type RestoreAccepted,
  type SigningKeyPublished,
  type SigningKeyWithdrawn,
} from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { boundIntervals, ScheduledEnds } from './bindings.ts';
import { BINDING_CHANGED, type ClientDetails, statusAfter, withBinding, withDecision } from './client-details.ts';
import { Lines } from './lines.ts';
import { subjectOf, typeOfRecord } from './record.ts';

/** Approved apps, and those that may be approved again. */
const MAY_BE_APPROVED: ReadonlySet<ClientStatus> = new Set(['approved', 'suspended', 'expired']);
/** So many names of apps without a decision are kept until a decision comes. Older ones appear under their id. */
const NAMES_KEPT = 10_000;

/**
 * The registry in memory, from pa.registry. It drops versions of a stream that it has seen, because the relay may
 * repeat them. It holds only clients that a reviewer approved once. Anybody can register, so unapproved apps must cost
 * no memory in services that decide. `details` follows the same records and keeps what only auth needs.
 */
export class Registrations {
  readonly lines = new Lines();
  readonly #details: ClientDetails | undefined;
  readonly #clients = new Map<string, ClientFacts>();
  /** Clients that were ever bound to a provider, so that a question about one looks at no other client. */
  readonly #boundEver = new Map<ProviderKey, Set<string>>();
  readonly #ends = new ScheduledEnds();
  readonly #names = new BoundedMap<string, string>(NAMES_KEPT);
  readonly #versions = new Map<string, number>();
  readonly #keys = new Map<string, SigningKeyPublished>();
  /** Restores of the log that nobody has accepted yet, and accepted ones. The two records may come in either order. */
  readonly #restores = new Map<string, LogRestored>();
  readonly #accepted = new Set<string>();
  /** Clients and keys with a record that could not be read. */
  readonly #unreadable = new Set<string>();
  /** A withdrawn kid never comes back. */
  readonly #withdrawn = new Map<string, SigningKeyWithdrawn>();

  constructor(details?: ClientDetails) {
    this.#details = details;
  }

  /** Returns the client whose right to access the record changed. */
  evolve(record: LogRecord): string | undefined {
    const { pa_stream: stream, pa_version: version } = record.headers;
    const type = typeOfRecord(record);
    if (stream !== undefined && version !== undefined) {
      if (Number(version) <= (this.#versions.get(stream) ?? 0)) return undefined;
      // Where registrations are not kept, the first record about an app needs no memory: a repetition changes nothing.
      if (this.#details !== undefined || type !== 'pa.app-registered.v1') this.#versions.set(stream, Number(version));
    }
    const at = record.headers['ce_time']!;
    if (type === 'pa.lines-set.v1') {
      this.lines.evolve(dataOf<LinesSet>(record));
      return undefined;
    }
    if (type === 'pa.log-restored.v1') {
      const restored = dataOf<LogRestored>(record);
      if (!this.#accepted.has(restored.restore)) this.#restores.set(restored.restore, restored);
      return undefined;
    }
    if (type === 'pa.restore-accepted.v1') {
      const { restore } = dataOf<RestoreAccepted>(record);
      this.#accepted.add(restore);
      this.#restores.delete(restore);
      return undefined;
    }
    if (type === 'pa.signing-key-published.v1') {
      const key = dataOf<SigningKeyPublished>(record);
      // The first record counts, because a kid never changes its key.
      if (!this.#withdrawn.has(key.kid) && !this.#keys.has(key.kid)) this.#keys.set(key.kid, key);
      return undefined;
    }
    if (type === 'pa.signing-key-withdrawn.v1') {
      const withdrawal = dataOf<SigningKeyWithdrawn>(record);
      this.#withdrawn.set(withdrawal.kid, withdrawal);
      this.#keys.delete(withdrawal.kid);
      return undefined;
    }
    this.#details?.evolve(type, record);
    return this.#evolveClient(type, record, at);
  }

  /**
   * Handles a record at which `evolve` threw. Its client or key is unknown from here on; after a restore, nothing is
   * decided until somebody accepts the restore. Returns the client whose right to access changed.
   */
  failed(record: LogRecord): string | undefined {
    if (typeOfRecord(record) === 'pa.log-restored.v1') {
      const at = record.headers['ce_time'] ?? '';
      this.#restores.set('unreadable', { restore: 'unreadable', copied: at, restoredAt: at });
    }
    if (typeOfRecord(record) === 'pa.lines-set.v1') this.lines.failed(record.headers['ce_time'] ?? '');
    const subject = subjectOf(record);
    if (subject !== undefined) this.#unreadable.add(subject);
    return subject;
  }

  #evolveClient(type: string, record: LogRecord, at: string): string | undefined {
    const client = subjectOf(record) ?? '';
    const known = this.#clients.get(client);
    if (type === 'pa.app-registered.v1') {
      if (known === undefined) this.#names.set(client, dataOf<AppRegistered>(record).name);
      return undefined;
    }
    if (type === BINDING_CHANGED) {
      if (known === undefined) return undefined;
      this.#keep(withBinding(known, record, at, true));
      return client;
    }
    const status = statusAfter(type, record);
    if (status === undefined || (known === undefined && status !== 'approved')) {
      // A client that was never approved is unknown to decisions, whatever else a reviewer decides.
      if (status !== undefined) this.#names.delete(client);
      return undefined;
    }
    const before: ClientFacts = known ?? {
      client,
      name: this.#names.get(client) ?? client,
      status: 'submitted',
      history: [],
      bindings: [],
      scope: '',
    };
    this.#keep(withDecision(before, status, at, record, boundIntervals));
    this.#names.delete(client);
    return client;
  }
  #keep(facts: ClientFacts): void {
    const { client, bindings } = facts;
    this.#clients.set(client, facts);
    this.#ends.schedule(client, bindings);
    for (const { provider } of bindings) {
      const bound = this.#boundEver.get(provider);
      if (bound === undefined) this.#boundEver.set(provider, new Set([client]));
      else bound.add(client);
    }
  }

  /** A log that was restored from an older copy, until somebody confirms that payers re-sent what came after it. */
  restored(): LogRestored | undefined {
    return this.#restores.values().next().value;
  }
  /** The highest version of a stream (`client/<id>`) that was read; 0 if there is none. */
  version(stream: string): number {
    return this.#versions.get(stream) ?? 0;
  }

  /** A client that was approved at least once. */
  get(client: string): ClientFacts | undefined {
    return this.#unreadable.has(client) ? undefined : this.#clients.get(client);
  }
  /** The ids of all clients that were approved at least once, also of those that cannot be read any more. */
  ids(): readonly string[] {
    return [...this.#clients.keys()];
  }
  /**
   * Clients that act for this provider at `now` (ms since the epoch), and those that may do so again when they are
   * approved again.
   */
  boundTo(provider: ProviderKey, now: number): readonly ClientFacts[] {
    return Array.from(this.#boundEver.get(provider) ?? [], (client) => this.#clients.get(client)!).filter(
      ({ status, bindings }) =>
        MAY_BE_APPROVED.has(status) && bindings.some((each) => each.provider === provider && bindingEnd(each) > now),
    );
  }
  /** Tells that this process decides at `now`, ms since the epoch. Ends of bindings until then stay passed. */
  decidesAt(now: number): void {
    for (const [client, at] of this.#ends.passed(now)) {
      const known = this.#clients.get(client);
      // An earlier end may have been stated after a later one had passed.
      const endsPassed = Math.max(at, known?.endsPassed ?? at);
      if (known !== undefined) this.#clients.set(client, { ...known, endsPassed });
    }
  }
  /** Our own public keys that were published and not withdrawn. */
  signingKeys(): readonly SigningKeyPublished[] {
    return [...this.#keys.values()].filter(({ kid }) => !this.#unreadable.has(kid));
  }
  /** Every request reads one. */
  signingKey(kid: string): SigningKeyPublished | undefined {
    return this.#unreadable.has(kid) ? undefined : this.#keys.get(kid);
  }
  withdrawnKey(kid: string): SigningKeyWithdrawn | undefined {
    return this.#withdrawn.get(kid);
  }
}
