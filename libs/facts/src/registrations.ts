import type { ClientFacts, ClientStatus } from '@provider-access/access';
import type { AppApproved, AppRegistered, AppRejected, LogRestored, ProviderKey, RestoreAccepted, SigningKeyPublished, SigningKeyWithdrawn } from '@provider-access/events';
import type { LogRecord } from '@provider-access/eventlog';
import { dataOf, subjectOf, typeOfRecord } from './record.ts';

/** An app as registered and reviewed: what a decision needs and what auth needs. */
export interface ClientRegistration extends ClientFacts {
  readonly jwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] };
  readonly jwksUri?: string;
  readonly contacts: readonly string[];
  /** Claimed at registration; `providers` are those bound at approval. */
  readonly npis: readonly string[];
  readonly tins: readonly string[];
  readonly requestedScope: string;
  /** Hash of the registration access token. */
  readonly registrationTokenHash: string;
  readonly registeredAt: string;
}

const STATUS: Readonly<Record<string, ClientStatus>> = {
  'pa.app-approved.v1': 'approved', 'pa.app-rejected.v1': 'rejected', 'pa.app-suspended.v1': 'suspended', 'pa.app-revoked.v1': 'revoked',
};

/** The registry in memory, from pa.registry. Versions of a stream that were seen are dropped (the relay may repeat). */
export class Registrations {
  private readonly clients = new Map<string, ClientRegistration>();
  private readonly versions = new Map<string, number>();
  private readonly keys = new Map<string, SigningKeyPublished>();
  /** Restores of the log that nobody has accepted yet, and those that were: either word may come first. */
  private readonly restores = new Map<string, LogRestored>();
  private readonly accepted = new Set<string>();
  /** Kids never come back. */
  private readonly withdrawn = new Map<string, SigningKeyWithdrawn>();

  /** The client whose registration the record changed. */
  evolve(record: LogRecord): string | undefined {
    const { pa_stream: stream, pa_version: version } = record.headers;
    if (stream !== undefined && version !== undefined) {
      if (Number(version) <= (this.versions.get(stream) ?? 0)) return undefined;
      this.versions.set(stream, Number(version));
    }
    const type = typeOfRecord(record);
    const at = record.headers['ce_time']!;
    if (type === 'pa.log-restored.v1') {
      const restored = dataOf<LogRestored>(record);
      if (!this.accepted.has(restored.restore)) this.restores.set(restored.restore, restored);
      return undefined;
    }
    if (type === 'pa.restore-accepted.v1') {
      const { restore } = dataOf<RestoreAccepted>(record);
      this.accepted.add(restore);
      this.restores.delete(restore);
      return undefined;
    }
    if (type === 'pa.signing-key-published.v1') {
      const key = dataOf<SigningKeyPublished>(record);
      // The first word counts: a kid does not change its key.
      if (!this.withdrawn.has(key.kid) && !this.keys.has(key.kid)) this.keys.set(key.kid, key);
      return undefined;
    }
    if (type === 'pa.signing-key-withdrawn.v1') {
      const withdrawal = dataOf<SigningKeyWithdrawn>(record);
      this.withdrawn.set(withdrawal.kid, withdrawal);
      this.keys.delete(withdrawal.kid);
      return undefined;
    }
    if (type === 'pa.app-registered.v1') {
      const { client, name, jwks, jwksUri, scope, contacts, npis, tins, registrationTokenHash, registeredAt } = dataOf<AppRegistered>(record);
      this.clients.set(client, {
        client, name, status: 'pending', history: [{ status: 'pending', at }], providers: [], scope, requestedScope: scope, contacts, npis, tins, registrationTokenHash, registeredAt,
        ...(jwks !== undefined && { jwks }), ...(jwksUri !== undefined && { jwksUri }),
      });
      return client;
    }
    const status = STATUS[type];
    const known = this.clients.get(subjectOf(record) ?? '');
    if (status === undefined || known === undefined) return undefined;
    const { reason } = dataOf<AppRejected | AppApproved>(record);
    const approval = status === 'approved' ? dataOf<AppApproved>(record) : undefined;
    this.clients.set(known.client, {
      ...known, status, history: [...known.history, { status, at, ...(reason !== undefined && { reason }) }],
      ...(approval !== undefined && { providers: approval.providers as ProviderKey[], scope: approval.scope }),
    });
    return known.client;
  }

  /** A restore of the log that was not accepted yet. */
  restored(): LogRestored | undefined {
    return this.restores.values().next().value;
  }
  /** Highest version of a stream of pa.registry that was read, 0 for none. */
  version(stream: string): number {
    return this.versions.get(stream) ?? 0;
  }

  get(client: string): ClientRegistration | undefined {
    return this.clients.get(client);
  }
  list(status?: ClientStatus): readonly ClientRegistration[] {
    return [...this.clients.values()].filter((c) => status === undefined || c.status === status);
  }
  /** Published and not withdrawn. */
  signingKeys(): readonly SigningKeyPublished[] {
    return [...this.keys.values()];
  }
  signingKey(kid: string): SigningKeyPublished | undefined {
    return this.keys.get(kid);
  }
  withdrawnKey(kid: string): SigningKeyWithdrawn | undefined {
    return this.withdrawn.get(kid);
  }
}
