import { Inject, Injectable } from '@nestjs/common';
import type { Blobs } from '@provider-access/engines/blob';
import type { ExportSealed } from '@provider-access/events';
import { BLOBS, ClientLimits, type Job, type JobKind, type JobWords } from '@provider-access/jobs';
import type { MatchSummary } from './judged.ts';
import { MatchChunks } from './match-chunks.ts';
import { MatchSealer } from './match-sealer.ts';
import { readSubmitted } from './submitted.ts';

/** Jobs that find the members whom a provider attests (`$provider-member-match`). */
@Injectable()
export class MatchKind implements JobKind {
  readonly words: JobWords = { noun: 'match', done: 'matched' };
  constructor(
    @Inject(BLOBS) private readonly blobs: Blobs,
    @Inject(MatchChunks) private readonly chunks: MatchChunks,
    @Inject(MatchSealer) private readonly sealer: MatchSealer,
    @Inject(ClientLimits) private readonly limits: ClientLimits,
  ) {}

  /** The places of the bundles. Who they are is known only when a chunk has looked for them. */
  async members({ match }: Job): Promise<readonly string[]> {
    const { count } = await readSubmitted(this.blobs, match!);
    return Array.from({ length: count }, (_, at) => String(at + 1));
  }
  write(job: Job, _chunk: number, _fence: number, places: readonly string[]): Promise<MatchSummary> {
    return this.chunks.write(job, places.map(Number), () => this.groupsBefore(job));
  }
  /**
   * The Groups that earlier matches of the app have not made yet. Transaction times order the requests of all processes
   * (ADR 0023).
   */
  private async groupsBefore({ job: id, client, transactionTime }: Job): Promise<readonly string[]> {
    const running = await this.limits.running(client);
    return running
      .filter((one) => one.match !== undefined && one.job !== id && one.transactionTime <= transactionTime)
      .map(({ group }) => group);
  }
  /** A request has at most 1,000 bundles, which one item decides. */
  async slice(): Promise<undefined> {
    return undefined;
  }
  seal(job: Job, fence: number): Promise<ExportSealed> {
    return this.sealer.seal(job, fence);
  }
  async close(): Promise<void> {
    // It writes in the main thread, between turns of other requests.
  }
}
