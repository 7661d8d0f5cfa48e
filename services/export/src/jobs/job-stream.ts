import { randomUUID } from 'node:crypto';
import { encodeEvent, PA_EXPORTS } from '@provider-access/events';
import { type Clock, instant } from '@provider-access/kernel';
import type { Metrics } from '@provider-access/service/observability';
import type { State, StreamEvent, StreamHead } from '@provider-access/engines/state';
import { measureDecision } from '../export-metrics.ts';
import type { JobPart } from '../projections/export-jobs.ts';
import { decide, evolve, type Job, type JobCommand, type JobEvent, type JobRefusal } from '../domain/job/job.ts';

export type Executed =
  | { readonly ok: true; readonly job: Job; readonly version: number }
  | { readonly ok: false; readonly refusal: JobRefusal; readonly job: Job | undefined };

/**
 * The stream of a job. A compare-and-set makes each decision once, even if processes decide at the same time
 * (docs/architecture.md#the-parts).
 */
export class JobStreams {
  private readonly state: State;
  private readonly clock: Clock;
  private readonly metrics: Metrics | undefined;
  private readonly projected: (job: string) => Promise<JobPart | undefined>;
  /** `projected` reads a job from the log, in case the streams were lost or restored from an older copy. */
  constructor(
    state: State,
    clock: Clock,
    {
      projected,
      metrics,
    }: { readonly projected?: (job: string) => Promise<JobPart | undefined>; readonly metrics?: Metrics } = {},
  ) {
    this.state = state;
    this.clock = clock;
    this.projected = projected ?? (() => Promise.resolve(undefined));
    this.metrics = metrics;
  }
  async load(job: string): Promise<Job | undefined> {
    return (await this.head(job))?.snapshot;
  }
  private async head(job: string): Promise<StreamHead<Job> | undefined> {
    const stream = `export/${job}`;
    const { streams } = this.state;
    const head = await streams.load<Job>(stream);
    const projected = await this.projected(job);
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
      let job = head?.snapshot;
      for (const event of decision.events) job = evolve(job, event);
      const appended = await this.state.streams.append(
        stream,
        head?.version ?? 0,
        decision.events.map((event) => this.encode(command.data.job, event)),
        job!,
      );
      if (!appended.ok) continue;
      if (this.metrics !== undefined) measureDecision(this.metrics, command, head?.snapshot, this.clock.now());
      return { ok: true, job: job!, version: appended.version };
    }
  }
  /** The position after this version on pa.exports. Undefined if the relay did not publish it in time. */
  published(
    job: string,
    version: number,
    timeoutMs: number,
  ): Promise<Readonly<Record<string, readonly number[]>> | undefined> {
    return this.state.streams.published(`export/${job}`, version, timeoutMs);
  }
  private encode(job: string, event: JobEvent): StreamEvent {
    return {
      topic: PA_EXPORTS,
      record: encodeEvent({
        id: randomUUID(),
        source: 'urn:provider-access:export',
        type: event.type,
        time: instant(this.clock.now()),
        subject: job,
        data: event.data,
      }),
    };
  }
}
