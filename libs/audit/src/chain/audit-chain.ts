import { randomUUID } from 'node:crypto';
import { type AuditSealed, dataOf, encodeEvent, PA_AUDIT, PA_AUDIT_CHAIN } from '@provider-access/events';
import { type EventLog, type LogRecord, recordsFrom } from '@provider-access/engines/log';
import type { State } from '@provider-access/engines/state';
import { type Clock, instant } from '@provider-access/kernel';
import type { Logger } from '@provider-access/service/observability';
import { dayOf, digestAfter, emptyDigest, isPlace, sealDigest, type SealedRange } from './digest.ts';

/** What the chain uses of the ports of a service. */
export interface AuditChainPorts {
  readonly log: Pick<EventLog, 'append' | 'read' | 'head' | 'partitions'>;
  readonly state: Pick<State, 'leases'>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'error'>;
}

const LEASE = 'audit-chain';
const LEASE_MS = 60_000;
/** How often the clock is looked at. That asks no engine. */
const TICK_MS = 30_000;
/** After midnight other processes may still append with the time of the day before. */
const AFTER_MIDNIGHT_MS = 60_000;
const DAY_MS = 86_400_000;
/** So many records of today in a row end the search for earlier ones. A restart at noon should not read the morning. */
const MOST_OF_TODAY = 5000;
/** Records between two looks at the lease. */
const RENEW_AFTER = 20_000;

/**
 * Seals the records of pa.audit once a UTC day: a digest of each partition, chained to the seal before (ADR 0049). One
 * process does it under a lease. If two did, the second seal has the number of the first and counts for nothing.
 */
export class AuditChain {
  readonly #ports: AuditChainPorts;
  readonly #holder = randomUUID();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #doneFor: string | undefined;
  #stopped = false;

  constructor(ports: AuditChainPorts) {
    this.#ports = ports;
  }

  /** Seals what is due now, in the background, and then each day. */
  start(): void {
    this.#timer ??= setInterval(() => this.#look(), TICK_MS).unref();
    this.#look();
  }
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#stopped = true;
    await this.#running;
  }

  #look(): void {
    if (this.#stopped || this.#doneFor === this.#today()) return;
    const day = this.#today();
    this.#running = this.#running.then(async () => {
      if (this.#stopped || this.#doneFor === day) return;
      try {
        if ((await this.seal()) !== 'elsewhere') this.#doneFor = day;
      } catch (error) {
        // Nothing is lost: the next look seals the same records.
        this.#ports.logger.error({ fault: (error as Error).name }, 'The audit could not be sealed. It is tried again.');
      }
    });
  }
  #today(): string {
    return dayOf(this.#ports.clock.now() - AFTER_MIDNIGHT_MS);
  }

  /** Seals the records of days that have ended. @throws EngineUnavailable @returns how many seals it wrote */
  async seal(): Promise<number | 'elsewhere'> {
    const { leases } = this.#ports.state;
    const lease = await leases.acquire(LEASE, this.#holder, LEASE_MS);
    if (lease === undefined) return 'elsewhere';
    try {
      const held = async (): Promise<boolean> => !this.#stopped && leases.renew(lease, LEASE_MS);
      const chain = await readChain(this.#ports.log);
      const days = await this.#unsealed(chain, held);
      if (days === undefined || !(await held())) return 'elsewhere';
      await this.#append(chain, days);
      return days.size;
    } finally {
      await leases.release(lease);
    }
  }

  /**
   * Ranges by day: what was appended before today, and whatever stands before such a record. A record counts for the
   * day of its append, but never for an earlier day than the record before it. So clocks that step back or ahead move
   * the border between two days, and no record is left out. Undefined if the lease was lost.
   */
  async #unsealed(
    { ends }: Chain,
    held: () => Promise<boolean>,
  ): Promise<ReadonlyMap<string, SealedRange[]> | undefined> {
    const today = this.#today();
    const days = new Map<string, SealedRange[]>();
    let read = 0;
    for (let partition = 0, count = await this.#ports.log.partitions(PA_AUDIT); partition < count; partition++) {
      const ranges = new DayRanges(partition, ends.get(partition) ?? 0, today);
      for await (const record of recordsFrom(this.#ports.log, PA_AUDIT, partition, ends.get(partition) ?? 0)) {
        if (!ranges.add(record)) break;
        if (++read % RENEW_AFTER === 0 && !(await held())) return undefined;
      }
      for (const [day, range] of ranges.ended()) days.set(day, [...(days.get(day) ?? []), range]);
    }
    return days;
  }

  async #append({ last }: Chain, days: ReadonlyMap<string, SealedRange[]>): Promise<void> {
    const at = instant(this.#ports.clock.now());
    let before = last;
    const seals = [...days.keys()].toSorted().map((day): AuditSealed => {
      const open = {
        n: (before?.n ?? -1) + 1,
        day,
        ...(before !== undefined && { previous: before.digest }),
        ranges: days.get(day)!,
        at,
      };
      return (before = { ...open, digest: sealDigest(open) });
    });
    if (seals.length === 0) return;
    await this.#ports.log.append(
      PA_AUDIT_CHAIN,
      seals.map((data) =>
        encodeEvent({
          id: randomUUID(),
          source: 'urn:provider-access:attribution',
          type: 'pa.audit-sealed.v1',
          time: at,
          subject: 'chain',
          data,
        }),
      ),
    );
    // The operator's own logs keep the digest outside the platform.
    for (const { n, day, digest } of seals)
      this.#ports.logger.info({ n, day, digest }, 'The audit of a day is sealed.');
  }
}

/** The records of one partition, by the day for which they count. */
class DayRanges {
  readonly #partition: number;
  readonly #today: string;
  readonly #days: [day: string, range: SealedRange][] = [];
  #next: number;
  /** The ranges up to the last record that was appended before today. */
  #settled: { readonly count: number; readonly last: SealedRange } | undefined;
  #ofToday = 0;

  constructor(partition: number, from: number, today: string) {
    this.#partition = partition;
    this.#next = from;
    this.#today = today;
  }
  /** False once so many records are of today that there will be no earlier one. */
  add(record: LogRecord): boolean {
    const own = dayOf(record.timestamp);
    const current = this.#days.at(-1);
    const earlier = own < this.#today;
    const [partition, from] = [this.#partition, this.#next];
    if (current === undefined || (earlier && own > current[0])) {
      const day = earlier ? own : dayOf(Date.parse(this.#today) - DAY_MS);
      this.#days.push([day, { partition, from, to: from, records: 0, digest: emptyDigest(partition, from) }]);
    }
    const range = this.#days.at(-1)![1];
    this.#next = range.to = record.offset + 1;
    if (!isPlace(record)) {
      range.records++;
      range.digest = digestAfter(range.digest, record);
    }
    if (earlier) this.#settled = { count: this.#days.length, last: { ...range } };
    this.#ofToday = earlier ? 0 : this.#ofToday + 1;
    return this.#ofToday < MOST_OF_TODAY;
  }
  ended(): [day: string, range: SealedRange][] {
    if (this.#settled === undefined) return [];
    const { count, last } = this.#settled;
    return this.#days.slice(0, count).map(([day, range], i) => [day, i === count - 1 ? last : range]);
  }
}

/** The seals that count, summed up. */
interface Chain {
  readonly last: AuditSealed | undefined;
  /** By partition of pa.audit, the offset up to which records are sealed. */
  readonly ends: ReadonlyMap<number, number>;
}
async function readChain(log: AuditChainPorts['log']): Promise<Chain> {
  const ends = new Map<number, number>();
  let last: AuditSealed | undefined;
  for (let partition = 0, count = await log.partitions(PA_AUDIT_CHAIN); partition < count; partition++)
    for await (const record of recordsFrom(log, PA_AUDIT_CHAIN, partition)) {
      if (isPlace(record)) continue;
      const seal = dataOf<AuditSealed>(record);
      if (last !== undefined && seal.n <= last.n) continue;
      last = seal;
      for (const { partition: of, to } of seal.ranges) ends.set(of, to);
    }
  return { last, ends };
}
