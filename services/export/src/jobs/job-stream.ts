import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { encodeEvent, PA_EXPORTS } from '@provider-access/events';
import { instant } from '@provider-access/kernel';
import type { StreamEvent, StreamHead } from '@provider-access/engines/state';
import type { ViewReader } from '@provider-access/engines/views';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { CONFIG, type ExportConfig } from '../config.ts';
import { measureDecision } from '../export-metrics.ts';
import { exportJobs, getJob } from '../projections/export-jobs.ts';
import { decide, evolve, type Job, type JobCommand, type JobEvent, type JobRefusal } from '../domain/job/job.ts';

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
    @Inject(CONFIG) private readonly config: Pick<ExportConfig, 'waitMs'>,
  ) {
    this.jobs = ports.views.reader(exportJobs);
  }
  async load(job: string): Promise<Job | undefined> {
    return (await this.head(job))?.snapshot;
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
    const stream = `export/${command.data.job}`;
    for (;;) {
      const head = await this.head(command.data.job);
      const decision = decide(command, head?.snapshot);
      if (!decision.ok) return { ok: false, refusal: decision.refusal, job: head?.snapshot };
      const job = evolve(head?.snapshot, decision.event)!;
      const events = [this.encode(command.data.job, decision.event)];
      const appended = await this.ports.state.streams.append(stream, head?.version ?? 0, events, job);
      if (!appended.ok) continue;
      measureDecision(this.ports.metrics, command, head?.snapshot, this.ports.clock.now());
      return { ok: true, job, version: appended.version };
    }
  }
  /** True once the view of jobs has passed this version, so that the next request to any process sees it. */
  async isVisible(job: string, version: number): Promise<boolean> {
    const { waitMs } = this.config;
    const position = await this.ports.state.streams.published(`export/${job}`, version, waitMs);
    return position !== undefined && (await this.jobs.waitFor(position, waitMs));
  }
  private encode(job: string, event: JobEvent): StreamEvent {
    return {
      topic: PA_EXPORTS,
      record: encodeEvent({
        id: randomUUID(),
        source: 'urn:provider-access:export',
        type: event.type,
        time: instant(this.ports.clock.now()),
        subject: job,
        data: event.data,
      }),
    };
  }
}
