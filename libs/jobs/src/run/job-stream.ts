import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { encodeEvent, PA_EXPORTS } from '@provider-access/events';
import { instant } from '@provider-access/kernel';
import type { StreamHead } from '@provider-access/engines/state';
import type { ViewReader } from '@provider-access/engines/views';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { JOBS_CONFIG, type JobsConfig } from '../config.ts';
import { measureDecision } from '../job-metrics.ts';
import { exportJobs, getJob, type JobPart } from '../jobs-view.ts';
import { decide, evolve, type Job, type JobCommand, type JobRefusal } from '../domain/job.ts';

/** What the two places that know a job have of it. */
export interface KnownJob {
  /** From the place that has more events. */
  readonly newest: Job;
  /** From the view of this process, which may be behind. */
  readonly projected: JobPart | undefined;
}
export type Executed =
  | { readonly ok: true; readonly job: Job; readonly version: number }
  | { readonly ok: false; readonly refusal: JobRefusal; readonly job: Job | undefined };

/**
 * The stream of a job. A compare-and-set makes each decision once, even if processes decide at the same time
 * (docs/architecture.md#the-parts).
 */
@Injectable()
export class JobStreams {
  private readonly jobs: ViewReader;
  constructor(
    @Inject(PORTS) private readonly ports: Pick<ServicePorts, 'state' | 'views' | 'clock' | 'metrics'>,
    @Inject(JOBS_CONFIG) private readonly config: Pick<JobsConfig, 'waitMs'>,
  ) {
    this.jobs = ports.views.reader(exportJobs);
  }
  async load(job: string): Promise<Job | undefined> {
    return (await this.head(job))?.snapshot;
  }
  /**
   * The job for an answer. The stream has each event before any process can tell a client of it, and the view of this
   * process may be behind: a process of another release waits for its own version of the view only. The view has more
   * if the streams were lost. Every answer costs the same two queries, so it does not tell whether there is a job.
   */
  async known(job: string): Promise<KnownJob | undefined> {
    const { streams } = this.ports.state;
    const [head, projected] = await Promise.all([streams.load<Job>(`export/${job}`), getJob(this.jobs, job)]);
    const newest = (head?.version ?? 0) > (projected?.version ?? 0) ? head!.snapshot : projected;
    return newest && { newest, projected };
  }
  private async head(job: string): Promise<StreamHead<Job> | undefined> {
    const stream = `export/${job}`;
    const { streams } = this.ports.state;
    const head = await streams.load<Job>(stream);
    // The view knows the job from the log, in case the streams were lost or restored from an older copy.
    const projected = await getJob(this.jobs, job);
    if (projected === undefined || projected.version <= (head?.version ?? 0)) return head;
    const { version, ...snapshot } = projected;
    await streams.restore<Job>(stream, version, snapshot);
    return streams.load<Job>(stream);
  }
  /** Decides on the current head and appends. Repeats this if another process was faster. */
  async execute(command: JobCommand): Promise<Executed> {
    const { state, clock, metrics } = this.ports;
    const id = command.data.job;
    const stream = `export/${id}`;
    for (;;) {
      const head = await this.head(id);
      const decision = decide(command, head?.snapshot);
      if (!decision.ok) return { ok: false, refusal: decision.refusal, job: head?.snapshot };
      const job = evolve(head?.snapshot, decision.event)!;
      const now = clock.now();
      const about = { id: randomUUID(), source: 'urn:provider-access:export', time: instant(now), subject: id };
      const record = encodeEvent({ ...about, ...decision.event });
      const appended = await state.streams.append(stream, head?.version ?? 0, [{ topic: PA_EXPORTS, record }], job);
      if (!appended.ok) continue;
      measureDecision(metrics, command, head?.snapshot, now);
      return { ok: true, job, version: appended.version };
    }
  }
  /** Ends a job now. */
  end(kind: 'cancel' | 'fail' | 'expire', job: string, reason: string): Promise<Executed> {
    return this.execute({ kind, data: { job, reason, at: instant(this.ports.clock.now()) } });
  }
  /**
   * True once the view of jobs has passed this version, so that lists, limits and processes of 0.2.0 and earlier, which
   * do not ask the stream, see it.
   */
  async isVisible(job: string, version: number): Promise<boolean> {
    const { waitMs } = this.config;
    const position = await this.ports.state.streams.published(`export/${job}`, version, waitMs);
    return position !== undefined && (await this.jobs.waitFor(position, waitMs));
  }
}
