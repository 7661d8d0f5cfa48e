import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Position } from '@provider-access/engines/log';
import { TransactionTimes } from '@provider-access/engines/state';
import type { ExportRequested } from '@provider-access/events';
import { base32, instant, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { JOBS_CONFIG, type JobsConfig } from '../config.ts';
import { NOT_ACKNOWLEDGED, positionsInEvent } from '../domain/job.ts';
import { ClientLimits } from './client-limits.ts';
import { sweepOfKickOff } from './job-steps.ts';
import { JobStreams } from './job-stream.ts';
import { JobViews } from './job-views.ts';

/** The preference that status requests tell how they went themselves, and the status of the job in a header. */
export const SEPARATE_STATUS = 'separate-export-status';

/** 128 random bits. A download needs a token of the client and this id, which nobody can guess. */
export const newJobId = (): string => base32(randomBytes(16));

/** From when on a later export finds what changed, and the heads of the payer's topics that this job contains. */
export interface Frozen {
  /** ms since the epoch */
  readonly transactionTime: number;
  readonly positions: Position;
}
/** Who starts a job, and how it is to be answered. */
export interface Starting {
  readonly client: string;
  readonly separateStatus: boolean;
  /** Further preferences that the kick-off applies. */
  readonly applied?: readonly string[];
}
/** What a kind of job says about a new one. */
export interface NewJob extends Omit<
  ExportRequested,
  'job' | 'client' | 'request' | 'positions' | 'transactionTime' | 'requestedAt' | 'separateStatus' | 'traceparent'
> {
  /** Path and query of the kick-off. */
  readonly url: string;
  /** What an earlier build does not know of it beside `ask`, `match` and `within` (`positionsInEvent`). */
  readonly marked?: Parameters<typeof positionsInEvent>[1];
}

const unavailable = (): Refusal =>
  new Refusal('unavailable', 'The views have not passed the newest events yet. Repeat the request.', { retryAfter: 2 });

/** Starts jobs of every kind. */
@Injectable()
export class JobStarts {
  private readonly transactionTimes: TransactionTimes;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(JOBS_CONFIG) private readonly config: JobsConfig,
    @Inject(ClientLimits) private readonly limits: ClientLimits,
    @Inject(JobViews) private readonly views: JobViews,
    @Inject(JobStreams) private readonly streams: JobStreams,
  ) {
    this.transactionTimes = new TransactionTimes(ports.state.streams);
  }

  /** The newest transactionTime of any job, ms since the epoch. */
  newestTime(): Promise<number> {
    return this.transactionTimes.newest();
  }

  /**
   * Resolves when the job is durable and the next status request will see it.
   * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-kick-off-request
   * @param describe audits the kick-off and keeps what it asks for
   * @returns headers of the answer
   * @throws Refusal
   */
  async start(
    { client, separateStatus, applied = [] }: Starting,
    describe: (job: string, frozen: Frozen) => Promise<NewJob>,
  ): Promise<Readonly<Record<string, string>>> {
    const job = newJobId();
    // Both changes of the state share a transaction.
    const [slot, frozen] = await Promise.allSettled([this.limits.takeSlot(client, job), this.freeze()]);
    if (slot.status === 'rejected') throw slot.reason;
    try {
      if (frozen.status === 'rejected') throw frozen.reason;
      await this.request(job, { client, separateStatus }, frozen.value, describe);
    } catch (error) {
      await this.limits.releaseSlot(client, job);
      throw error;
    }
    return {
      'content-location': `${this.config.publicUrl}/fhir/bulk/${job}`,
      'preference-applied': ['respond-async', ...(separateStatus ? [SEPARATE_STATUS] : []), ...applied].join(', '),
    };
  }

  /** Before a kick-off writes files: if this process dies before the event exists, the item removes them. */
  async sweepUnlessRequested(job: string): Promise<void> {
    const notBefore = this.ports.clock.now() + this.config.leaseMs * 2;
    await this.ports.state.work.put('export-sweep', [sweepOfKickOff(job, notBefore)]);
  }

  private async request(
    job: string,
    { client, separateStatus }: Starting,
    frozen: Frozen,
    describe: (job: string, frozen: Frozen) => Promise<NewJob>,
  ): Promise<void> {
    const { clock, tracing } = this.ports;
    const requestedAt = instant(clock.now());
    const traceparent = tracing?.traceparent();
    const { url, marked, ...about } = await describe(job, frozen);
    const { ask, match, within } = about;
    const executed = await this.streams.execute({
      kind: 'request',
      data: {
        ...about,
        job,
        client,
        request: this.config.publicUrl + url,
        positions: positionsInEvent(frozen.positions, { ...marked, ask, match, within }),
        transactionTime: instant(frozen.transactionTime),
        requestedAt,
        traceparent,
        ...(separateStatus && { separateStatus: true }),
      },
    });
    if (!executed.ok) throw new Error('a new random job id exists already');
    if (await this.streams.isVisible(job, executed.version)) return;
    // The client gets 503 and will repeat the kick-off, so this job must not run.
    await this.streams.end('cancel', job, NOT_ACKNOWLEDGED);
    throw unavailable();
  }

  /** @throws Refusal if the views do not pass the present heads in time */
  private async freeze(): Promise<Frozen> {
    // Raise the time before reading the positions, so that intakes stamp later events with this time or a later time,
    // whatever their clocks show (ADR 0023).
    const transactionTime = this.ports.clock.now() - this.config.skewMarginMs;
    await this.transactionTimes.raise(transactionTime);
    const positions = await this.views.payerHead();
    if (!(await this.views.passed(positions))) throw unavailable();
    return { transactionTime, positions };
  }
}
