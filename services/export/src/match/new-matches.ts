import { Inject, Injectable } from '@nestjs/common';
import { Audit } from '@provider-access/audit';
import { readRequest } from '@provider-access/domain/pdex/match';
import type { Blobs } from '@provider-access/engines/blob';
import { BLOBS, JobStarts, newJobId, type Starting } from '@provider-access/jobs';
import { Refusal } from '@provider-access/kernel';
import { MatchLimits } from './match-limits.ts';
import { keepSubmitted } from './submitted.ts';

interface AskedMatch extends Starting {
  readonly url: string;
  /** From JSON.parse; undefined if there is none. */
  readonly body: unknown;
}

/** Starts matches. */
@Injectable()
export class NewMatches {
  constructor(
    @Inject(BLOBS) private readonly blobs: Blobs,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(JobStarts) private readonly starts: JobStarts,
    @Inject(MatchLimits) private readonly limits: MatchLimits,
  ) {}

  /**
   * Resolves when the job is durable and the next status request will see it.
   * @returns headers of the answer
   * @throws Refusal
   */
  async start({ url, body, ...starting }: AskedMatch): Promise<Readonly<Record<string, string>>> {
    const { client } = starting;
    const read = readRequest(body);
    if (!read.ok) throw new Refusal('invalid-request', read.text);
    const { bundles } = read;
    await this.limits.admit(client, bundles.length);
    return this.starts.start(starting, async (job) => {
      // The id of the result, which nobody can guess.
      const group = newJobId();
      const types = ['Group'];
      const about = { members: [], resources: 0, client, group, job, types };
      await this.audit.record({ action: 'export-requested', outcome: 'released', ...about });
      await this.starts.sweepUnlessRequested(job);
      const match = await keepSubmitted(this.blobs, job, bundles);
      // An earlier release knows no other operation, and takes no step of a job with `match`.
      return { group, types, operation: '$export', url, warnings: [], match };
    });
  }
}
