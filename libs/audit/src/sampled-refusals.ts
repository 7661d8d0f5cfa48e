import { type Clock, Refusal } from '@provider-access/kernel';
import type { Audit } from './audit.ts';
import type { AuditEntry } from './entry.ts';

const MINUTE = 60_000;

/**
 * Refusals of callers who have not proved their identity. Anybody can cause any number of them, so each is counted, and
 * the audit gets one record a minute for each client and reason, with `count`: the number of refusals since the record
 * before. Reasons are a closed set, and `client` is `unknown` unless the caller names a client that was approved. A
 * refusal that cannot be recorded counts for the next record, because nothing was released.
 */
export class SampledRefusals {
  private readonly audit: Pick<Audit, 'record'>;
  private readonly clock: Clock;
  private readonly everyMs: number;
  private readonly kept = new Map<string, { entry: AuditEntry; recordedAt: number; waiting: number }>();
  private timer: NodeJS.Timeout | undefined;

  constructor(audit: Pick<Audit, 'record'>, clock: Clock, everyMs = MINUTE) {
    this.audit = audit;
    this.clock = clock;
    this.everyMs = everyMs;
  }

  /** Records the rest of the count when a flood has ended and no further refusal comes. */
  start(): void {
    this.timer ??= setInterval(() => void this.flush(false), this.everyMs).unref();
  }
  /** Records what is counted. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.flush(true);
  }

  /** Counts a refusal; resolves when it is recorded, if it is its turn. */
  async refused(entry: AuditEntry): Promise<void> {
    const key = `${entry.action} ${entry.client} ${entry.reason ?? ''}`;
    const known = this.kept.get(key);
    if (known !== undefined && !this.due(known.recordedAt)) {
      known.waiting++;
      return;
    }
    await this.write(key, entry, (known?.waiting ?? 0) + 1);
  }

  private due(recordedAt: number): boolean {
    const now = this.clock.now();
    return now >= recordedAt + this.everyMs || now < recordedAt;
  }
  private async flush(all: boolean): Promise<void> {
    for (const [key, { entry, recordedAt, waiting }] of [...this.kept])
      if (waiting > 0 && (all || this.due(recordedAt))) await this.write(key, entry, waiting);
  }
  private async write(key: string, entry: AuditEntry, count: number): Promise<void> {
    const kept = { entry, recordedAt: this.clock.now(), waiting: 0 };
    this.kept.set(key, kept);
    try {
      await this.audit.record({ ...entry, count });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      kept.waiting += count;
    }
  }
}
