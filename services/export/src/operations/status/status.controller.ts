import { Controller, Inject } from '@nestjs/common';
import { allows } from '@provider-access/domain/smart';
import { Refusal } from '@provider-access/kernel';
import { operationOutcome } from '@provider-access/fhir';
import { FHIR_TYPE, JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import { CONFIG, type ExportConfig } from '../../config.ts';
import { chunksWritten } from '../../domain/job/job.ts';
import { ClientLimits } from '../../jobs/client-limits.ts';
import { JobStreams } from '../../jobs/job-stream.ts';
import type { FileKind } from '../../jobs/part-set.ts';
import type { JobPart } from '../../projections/export-jobs.ts';
import { Turns } from '../../turns.ts';
import { Releases } from '../download/releases.ts';
import { OwnJobs } from '../own-jobs.ts';
import { failure, progress } from './job-texts.ts';

const CHECKSUMS =
  'Size in bytes and SHA-256 of the files, as a request with "Accept-Encoding: gzip" gets them now. An opt-out ' +
  'changes the bytes, and size and SHA-256 are then not true any more. A file that has changed since it was written ' +
  'is not listed.';
const JOB = { job: 'The id of the export, from `Content-Location`.' };
/** https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-status-request */
const STATUS = operation({
  route: 'GET /fhir/bulk/{job}',
  callers: 'app',
  refusedAs: 'download',
  tag: 'Groups and exports',
  summary: 'Ask whether an export is done',
  parameters: JOB,
  answer: {
    description: 'The manifest: the files, and what this app may see now.',
    type: JSON_TYPE,
    schema: ref('Manifest'),
  },
  also: { 202: 'The export runs. `X-Progress` says how far, `Retry-After` when to ask again.' },
  refusals: ['not-found', 'too-many-requests', 'storage-full'],
});
const CANCEL = operation({
  route: 'DELETE /fhir/bulk/{job}',
  callers: 'app',
  refusedAs: 'download',
  tag: 'Groups and exports',
  summary: 'Cancel an export, or delete its files',
  parameters: JOB,
  answer: {
    status: 202,
    description: 'The export and its files are deleted.',
    type: FHIR_TYPE,
    schema: ref('OperationOutcome'),
  },
  refusals: ['not-found'],
});

@Controller()
export class StatusController {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: ExportConfig,
    @Inject(OwnJobs) private readonly jobs: OwnJobs,
    @Inject(ClientLimits) private readonly limits: ClientLimits,
    @Inject(JobStreams) private readonly streams: JobStreams,
    @Inject(Releases) private readonly releases: Releases,
  ) {}

  @Operation(STATUS)
  async status({ client, scopes, params }: Asked<typeof STATUS>): Promise<Answer> {
    const job = await this.jobs.find(client, params.job);
    await this.limits.countPoll('status', params.job);
    if (job.status === 'failed') throw new Refusal('internal', failure(job));
    if (job.status !== 'sealed') {
      const again = retryAfter(job, this.ports.clock.now());
      return { status: 202, headers: { 'x-progress': progress(job), 'retry-after': String(again) } };
    }
    const json = await this.manifest(job, (type) => allows(scopes, type, 'r'));
    return { headers: { expires: new Date(job.sealed!.expiresAt).toUTCString() }, json };
  }

  /**
   * The Bulk Data manifest of a sealed job. Counts include only what the client may see at this moment. A file without
   * a permitted segment, or of a type that the token does not cover, is not listed. Throws FactsStale.
   * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status
   */
  private async manifest(job: JobPart, covers: (type: string) => boolean) {
    const { manifest } = await this.releases.manifest(job);
    const moment = this.releases.moment(job);
    const files: object[] = [];
    const lists: Record<FileKind, object[]> = { output: [], deleted: [], error: [] };
    const turns = new Turns();
    for (const file of manifest.files) {
      await turns.next();
      if (file.kind === 'output' && !covers(file.type)) continue;
      const { segments, index } = await this.releases.visible(job, file, moment);
      const count = segments.reduce((n, s) => n + s.resources, 0);
      const url = `${this.config.publicUrl}/fhir/bulk/${job.job}/${file.file}`;
      if (count === 0) continue;
      lists[file.kind].push({ type: file.type, url, count });
      const isStored = segments.length === index.segments.length && segments.every(({ cut }) => cut === undefined);
      if (isStored && file.gzip !== undefined) files.push({ url, ...file.gzip });
    }
    const extension = { checksums: { note: CHECKSUMS, contentEncoding: 'gzip', files } };
    const { transactionTime, request } = job;
    return { transactionTime, request, requiresAccessToken: true, ...lists, extension };
  }

  @Operation(CANCEL)
  async cancel({ client, params }: Asked<typeof CANCEL>): Promise<Answer> {
    const job = await this.jobs.find(client, params.job);
    const cancelled = await this.streams.end('cancel', job.job, 'deleted by the client');
    if (!cancelled.ok) return this.jobs.refuse(client, 'export-gone', job);
    if (!(await this.streams.isVisible(job.job, cancelled.version)))
      throw new Refusal('unavailable', 'The export is deleted, but not yet in every view. Repeat the request.', {
        retryAfter: 2,
      });
    return { json: operationOutcome('information', 'informational', 'The export and its files are deleted.') };
  }
}

/** Seconds from 1 to 5: half of the remaining time at the present speed. */
function retryAfter(job: JobPart, now: number): number {
  const done = chunksWritten(job);
  if (job.plan === undefined || done === 0) return 1;
  const rest = ((now - Date.parse(job.requestedAt)) / done) * (job.plan.chunks - done);
  return Math.min(5, Math.max(1, Math.round(rest / 2000)));
}
