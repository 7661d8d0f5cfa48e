import { Inject, Injectable } from '@nestjs/common';
import type { ViewReader } from '@provider-access/engines/views';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import type { LabelsOf } from '@provider-access/service/observability';
import { JOBS_CONFIG, type JobsConfig } from '../config.ts';
import { isRunning, type Job, type JobStatus } from '../domain/job.ts';
import { exportJobs, type JobPart } from '../jobs-view.ts';
import { JobStreams } from './job-stream.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const SLOTS = 'export-slot';
/** ms. A slot whose job was not requested within this time is free again, because the kick-off has failed. */
const TAKEN_FOR_MS = 60_000;
/** Statuses of exports with files. The sweep removes the files of other exports within minutes. */
const WITH_FILES: readonly JobStatus[] = ['requested', 'writing', 'sealed'];

const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(bytes < 1024 * 1024 ? 3 : 0);

/**
 * The limits of a client: kick-offs an hour, bytes of kept files, running jobs, and requests a minute. Each running job
 * holds a numbered slot, so that two kick-offs at the same time cannot both take the last one.
 */
@Injectable()
export class ClientLimits {
  private readonly jobs: ViewReader;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(JOBS_CONFIG) private readonly config: JobsConfig,
    @Inject(JobStreams) private readonly streams: JobStreams,
  ) {
    this.jobs = ports.views.reader(exportJobs);
  }

  /** Counts a kick-off. @throws Refusal 429 after too many in an hour, or while too many bytes are kept */
  async countKickOff(client: string): Promise<void> {
    const { kickOffsPerHour, keptBytesPerClient: limit } = this.config;
    const { count, resetsAt } = await this.ports.state.counters.hit(`export-kick-off/${client}`, HOUR);
    if (count > kickOffsPerHour)
      throw this.tooMany(
        'kick-offs',
        `A client can start at most ${kickOffsPerHour} exports and matches in an hour.`,
        resetsAt,
      );
    const kept = await this.kept(client, limit);
    if (kept.bytes >= limit)
      throw this.tooMany(
        'kept-bytes',
        `The files of this client's exports and matches have ${mebibytes(kept.bytes)} MiB, and ` +
          `${mebibytes(limit)} MiB are allowed. Delete one that you no longer need, or wait until one expires.`,
        kept.roomAt ?? this.ports.clock.now() + MINUTE,
      );
  }

  /** Counts a request for the status of a job, or for the list of a client's exports. @throws Refusal 429 */
  async countPoll(of: 'status' | 'list', id: string): Promise<void> {
    const { pollsPerMinute } = this.config;
    const { count, resetsAt } = await this.ports.state.counters.hit(`export-${of}/${id}`, MINUTE);
    if (count > pollsPerMinute)
      throw this.refusal(`Request the ${of} at most ${pollsPerMinute} times a minute.`, resetsAt);
  }

  /** Takes a slot for the job, also one whose job has ended or never began. @throws Refusal 429 if there is none */
  async takeSlot(client: string, job: string): Promise<void> {
    const { claims } = this.ports.state;
    const owner = `${job}@${this.ports.clock.now()}`;
    for (const key of this.slotsOf(client)) {
      const holder = await claims.claim(SLOTS, key, owner);
      if (holder === owner) return;
      if (!(await this.isDead(holder))) continue;
      await claims.release(SLOTS, key, holder);
      if ((await claims.claim(SLOTS, key, owner)) === owner) return;
    }
    throw this.tooMany(
      'running',
      `${this.config.runningPerClient} exports and matches of this client are running. Wait until one is complete, ` +
        'or delete one.',
      this.ports.clock.now() + 5000,
    );
  }

  async releaseSlot(client: string, job: string): Promise<void> {
    const { claims } = this.ports.state;
    for (const key of this.slotsOf(client)) {
      const holder = await claims.get(SLOTS, key);
      if (holder?.split('@')[0] === job) return void (await claims.release(SLOTS, key, holder));
    }
  }

  /** The jobs of a client that run. One whose request is not in the log yet is not among them. */
  async running(client: string): Promise<readonly Job[]> {
    const { claims } = this.ports.state;
    const holders = await Promise.all(this.slotsOf(client).map((key) => claims.get(SLOTS, key)));
    const ids = holders.flatMap((holder) => holder?.split('@')[0] ?? []);
    const jobs = await Promise.all(ids.map((id) => this.streams.load(id)));
    return jobs.filter((job) => job !== undefined && isRunning(job)) as readonly Job[];
  }

  private slotsOf(client: string): string[] {
    return Array.from({ length: this.config.runningPerClient }, (_, slot) => `${client}/${slot}`);
  }
  private async isDead(holder: string): Promise<boolean> {
    const [id = '', at] = holder.split('@');
    const job = await this.streams.load(id);
    return job === undefined ? Number(at) < this.ports.clock.now() - TAKEN_FOR_MS : !isRunning(job);
  }

  /**
   * The compressed bytes of all exports of a client, and the time (ms since the epoch) when they will be below `limit`
   * because exports expire. The time is undefined if running exports alone exceed the limit.
   */
  private async kept(client: string, limit: number): Promise<{ readonly bytes: number; readonly roomAt?: number }> {
    let bytes = 0;
    const expiring: { readonly at: number; readonly bytes: number }[] = [];
    for (const status of WITH_FILES) {
      for await (const document of this.jobs.scan({ index: 'by_client', equals: [client, status] })) {
        const job = document['job'] as JobPart;
        bytes += job.bytes;
        if (job.sealed !== undefined) expiring.push({ at: Date.parse(job.sealed.expiresAt), bytes: job.bytes });
      }
    }
    let left = bytes;
    for (const { at, bytes: freed } of expiring.toSorted((a, b) => a.at - b.at)) {
      left -= freed;
      if (left < limit) return { bytes, roomAt: at };
    }
    return { bytes };
  }

  /** A 429 of a kick-off, counted by its limit. */
  private tooMany(limit: LabelsOf<'pa_export_refusals_total'>['limit'], text: string, again: number): Refusal {
    this.ports.metrics.count('pa_export_refusals_total', { limit });
    return this.refusal(text, again);
  }
  /** `again`: ms since the epoch, when the client may repeat the request. */
  private refusal(text: string, again: number): Refusal {
    const retryAfter = Math.max(1, Math.ceil((again - this.ports.clock.now()) / 1000));
    return new Refusal('too-many-requests', text, { retryAfter });
  }
}
