import { setImmediate as nextTurn } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import {
  type ActionOnData,
  AUDIT_ACTIONS,
  type AuditEntry,
  type Disclosure,
  encodeEvent,
  PA_AUDIT,
  READ_UNTIL,
  type ReadUntil,
  readUntilText,
  type RefusalReason,
  type ReleaseEntry,
} from '@provider-access/events';
import type { Decision } from '@provider-access/domain/access';
import type { EventLog, NewRecord } from '@provider-access/engines/log';
import { type Clock, instant, Refusal } from '@provider-access/kernel';
import type { Metrics, Tracing } from '@provider-access/service/observability';
import { keepEntry } from './disclosures.ts';
import { HourlyReleases } from './hourly-releases.ts';

/** What the registry knows of a client. */
interface Registered {
  readonly name: string;
  readonly providers: readonly string[];
}
export interface AuditOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly source?: string;
  readonly metrics?: Metrics;
  readonly tracing?: Pick<Tracing, 'traceparent'> | undefined;
  /** Each entry keeps the name of its client and the providers that the client is bound to at that moment. */
  readonly registered?: (client: string) => Registered | undefined;
  /** The newest decision about the members of an entry. Default: the time of the clock. */
  readonly decidedOf?: (members: readonly string[]) => DecidedAt | undefined;
}
/** When an entry was decided, and by what. */
export interface DecidedAt {
  /**
   * RFC 3339, UTC, milliseconds. A decision may be ahead of the clock of its process (ADR 0016), and something may have
   * been recorded since.
   */
  readonly at: string;
  /** How far the facts had been read (ADR 0145). */
  readonly read?: ReadUntil | undefined;
}
type Refused = Pick<AuditEntry, 'client'> &
  Partial<Pick<AuditEntry, 'members' | 'types' | 'group' | 'job' | 'query'>> & {
    readonly action: ActionOnData;
    readonly reason: RefusalReason;
  };
interface Pending {
  readonly record: NewRecord;
  resolve(): void;
  reject(error: Refusal): void;
}

/** The members of a response and the number of resources of each, in the form of an entry. */
export const membersOf = (resources: ReadonlyMap<string, number>): Pick<AuditEntry, 'members' | 'perMember'> => ({
  members: [...resources.keys()],
  perMember: [...resources.values()],
});
/** The number of resources of each member. */
export function countedBy(members: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const member of members) counts.set(member, (counts.get(member) ?? 0) + 1);
  return counts;
}

/** Most providers of a client, and most Groups, in one entry. There are many entries, and a TIN may have many NPIs. */
const MOST_LISTED = 20;
const agentOf = ({ name, providers }: Registered): Disclosure['agent'] => ({
  name,
  providers: providers.slice(0, MOST_LISTED),
  ...(providers.length > MOST_LISTED && { more: providers.length - MOST_LISTED }),
});
/** The Groups of the attributions and attestations by which decisions permitted, for `basis` of an entry. */
export function basisOf(decisions: Iterable<Decision | undefined>): Pick<AuditEntry, 'basis'> {
  const groups = new Set<string>();
  for (const decision of decisions)
    if (decision?.permit === true)
      for (const { group } of [...decision.attributions, ...(decision.attestations ?? [])])
        if (groups.size < MOST_LISTED) groups.add(group);
  return groups.size === 0 ? {} : { basis: [...groups] };
}

/** Most records in one append. */
const GROUP = 500;
/** How long an append waits for as many entries as the one before had, ms. It is about the time of an fsync. */
const GATHER_MS = 2;
/** Clients that were answered longer ago may not come again, ms. */
const AGAIN_MS = 10;

/**
 * Records every release, and every refusal of a client that proved its identity, durably before the last byte leaves
 * (docs/architecture.md#one-decision). Calls that arrive during an append share the next one.
 */
export class Audit {
  readonly #options: AuditOptions;
  #pending: Pending[] = [];
  #draining: Promise<void> | undefined;
  /** How many entries the last append had, and when it ended. */
  #before = 0;
  #answeredAt = 0;
  /** Called when as many entries wait. */
  #enough: (() => void) | undefined;
  readonly #releases: HourlyReleases;

  constructor(options: AuditOptions) {
    this.#options = options;
    this.#releases = new HourlyReleases(options.clock);
  }

  /**
   * Resolves when the entry is durable.
   * @param decided the decision, if it is none of the running request
   * @throws Refusal `unavailable`, so that nothing is released unrecorded
   */
  async record(entry: AuditEntry, decided?: DecidedAt): Promise<void> {
    await this.#append(entry, decided);
    this.#count(entry);
  }

  /** Records a refusal like `record`. `members` are those whom the request was about. */
  refuse({ client, action, reason, members = [], ...about }: Refused, decided?: DecidedAt): Promise<void> {
    return this.record({ client, action, outcome: 'refused', reason, members, resources: 0, ...about }, decided);
  }

  /**
   * Records that a client reads a Group or a file of an export. Each (client, action, Group, job, file, member) is
   * recorded once an hour (ADR 0025). Resolves when the entry is durable. @throws Refusal `unavailable`, so that
   * nothing is released unrecorded
   */
  async release(entry: Omit<ReleaseEntry, 'outcome' | 'reason' | 'count'>): Promise<void> {
    const released = { ...entry, outcome: 'released' as const };
    await this.#releases.once(released, (fresh) => this.#append(fresh));
    this.#count(released);
  }

  #append(entry: AuditEntry, decided?: DecidedAt): Promise<void> {
    const { clock, decidedOf } = this.#options;
    const written = instant(clock.now());
    const { at, read }: DecidedAt = decided ?? decidedOf?.(entry.members) ?? { at: written };
    const client = this.#options.registered?.(entry.client);
    const { purpose } = AUDIT_ACTIONS[entry.action];
    const data: Disclosure = {
      ...entry,
      // The views get this object later, and a caller may go on with its lists.
      members: [...entry.members],
      ...(entry.perMember !== undefined && { perMember: [...entry.perMember] }),
      ...(purpose !== undefined && { purpose }),
      ...(client !== undefined && { agent: agentOf(client) }),
      at,
    };
    // The trace context is set here, because the entry is appended together with entries of other requests.
    const traceparent = this.#options.tracing?.traceparent();
    const record = encodeEvent({
      id: randomUUID(),
      source: this.#options.source ?? 'urn:provider-access',
      type: 'pa.disclosure.v1',
      time: written,
      subject: entry.client,
      data,
      ...(traceparent !== undefined && { traceparent }),
      ...(read !== undefined && { extensions: { [READ_UNTIL]: readUntilText(read) } }),
    });
    keepEntry(record, data, read);
    return new Promise((resolve, reject) => {
      this.#pending.push({ record, resolve, reject });
      if (this.#pending.length >= this.#before) this.#enough?.();
      if (this.#draining === undefined) this.#draining = this.#drain();
    });
  }

  /**
   * Concurrent requests share one fsync. As many of them come as were just answered, so an append waits for that
   * number. A single request waits only for an idle turn of the event loop.
   */
  async #gather(): Promise<void> {
    for (let seen = 0; seen < this.#pending.length && this.#pending.length < GROUP;) {
      seen = this.#pending.length;
      await nextTurn();
    }
    if (performance.now() - this.#answeredAt > AGAIN_MS) this.#before = 0;
    if (this.#pending.length >= this.#before) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, GATHER_MS);
      this.#enough = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#enough = undefined;
  }

  #count(entry: AuditEntry): void {
    const { metrics } = this.#options;
    if (entry.outcome === 'released') metrics?.count('pa_disclosures_total', { kind: entry.action });
    else {
      const reason = entry.action === 'token' ? entry.action : entry.reason;
      metrics?.count('pa_refusals_total', { reason }, entry.count);
    }
  }

  async #drain(): Promise<void> {
    while (this.#pending.length > 0) {
      await this.#gather();
      const group = this.#pending.splice(0, GROUP);
      this.#before = group.length;
      try {
        await this.#options.log.append(
          PA_AUDIT,
          group.map((p) => p.record),
        );
        for (const p of group) p.resolve();
      } catch {
        const refusal = new Refusal(
          'unavailable',
          'The server cannot record this access at the moment. Repeat the request.',
          { retryAfter: 2 },
        );
        for (const p of group) p.reject(refusal);
      }
      this.#answeredAt = performance.now();
    }
    this.#draining = undefined;
  }
}
