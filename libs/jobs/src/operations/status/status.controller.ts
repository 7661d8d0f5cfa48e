import { STATUS_CODES } from 'node:http';
import { Controller, Inject } from '@nestjs/common';
import type { GrantedScopes } from '@provider-access/domain/smart';
import { Refusal } from '@provider-access/kernel';
import { operationOutcome } from '@provider-access/fhir';
import { FHIR_TYPE, JSON_TYPE, PORTS, renderRefusal, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import { JOBS_CONFIG, type JobsConfig } from '../../config.ts';
import { chunksWritten, type Job } from '../../domain/job.ts';
import { linesIn } from '../../segments/index.ts';
import { ClientLimits } from '../../run/client-limits.ts';
import { JobStreams } from '../../run/job-stream.ts';
import { isOfList } from '../../files/list-file.ts';
import { Turns } from '../../turns.ts';
import { Releases, uncoveredOf, type VisibleFile } from '../download/releases.ts';
import { OwnJobs } from '../own-jobs.ts';
import { failure, progress } from './job-texts.ts';
import { manifestOfBulk1To3 } from './manifests/bulk-1-to-3.ts';
import { manifestOfBulk4 } from './manifests/bulk-4.ts';
import type { ListedFile, ManifestContent } from './manifests/content.ts';

const JOB = { job: 'The id of the export or match, from `Content-Location`.' };
/** https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-status-request */
const STATUS = operation({
  route: 'GET /fhir/bulk/{job}',
  callers: 'app',
  refusedAs: 'download',
  tag: 'Groups and exports',
  summary: 'Ask whether an export or a match is done',
  parameters: JOB,
  answer: {
    description:
      'The manifest: the files, and what this app may see now. A platform with `EXPORT_MANIFEST=4` answers with the ' +
      '[BulkDataManifest](https://build.fhir.org/ig/HL7/bulk-data/en/StructureDefinition-BulkDataManifest.html) of ' +
      'Bulk Data 4.',
    type: JSON_TYPE,
    schema: ref('Manifest'),
  },
  also: {
    202:
      'It runs. `X-Progress` says how far, `Retry-After` when to ask again. After a kick-off with `Prefer: ' +
      'separate-export-status` the status is 200, and `X-Export-Status` has `202 Accepted`, `200 OK` or `500 …`.',
  },
  refusals: ['not-found', 'too-many-requests', 'storage-full'],
});
const CANCEL = operation({
  route: 'DELETE /fhir/bulk/{job}',
  callers: 'app',
  refusedAs: 'download',
  tag: 'Groups and exports',
  summary: 'Cancel an export or a match, or delete its files',
  parameters: JOB,
  answer: {
    status: 202,
    description: 'The job and its files are deleted. What a match attested stays.',
    type: FHIR_TYPE,
    schema: ref('OperationOutcome'),
  },
  refusals: ['not-found'],
});

@Controller()
export class StatusController {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(JOBS_CONFIG) private readonly config: JobsConfig,
    @Inject(OwnJobs) private readonly jobs: OwnJobs,
    @Inject(ClientLimits) private readonly limits: ClientLimits,
    @Inject(JobStreams) private readonly streams: JobStreams,
    @Inject(Releases) private readonly releases: Releases,
  ) {}

  @Operation(STATUS)
  async status({ client, scopes, params }: Asked<typeof STATUS>): Promise<Answer> {
    const job = await this.jobs.findShown(client, params.job);
    await this.limits.countPoll('status', params.job);
    const separate = job.separateStatus === true;
    if (job.status === 'failed') {
      const refusal = new Refusal('internal', failure(job, this.jobs.wordsOf(job)));
      if (!separate) throw refusal;
      // The status request did not fail.
      const { status, headers, body } = renderRefusal(refusal, 'fhir');
      return { headers: { ...headers, ...exportStatus(status) }, body };
    }
    if (job.status !== 'sealed') {
      const again = retryAfter(job, this.ports.clock.now());
      const headers = { 'x-progress': progress(job, this.jobs.wordsOf(job)), 'retry-after': String(again) };
      return separate ? { headers: { ...headers, ...exportStatus(202) } } : { status: 202, headers };
    }
    const content = await this.content(job, scopes);
    const { manifest, publicUrl } = this.config;
    return {
      headers: {
        expires: new Date(job.sealed!.expiresAt).toUTCString(),
        ...(separate && exportStatus(200)),
      },
      json: manifest === 4 ? manifestOfBulk4(content, publicUrl) : manifestOfBulk1To3(content),
    };
  }

  /**
   * What the manifest of a sealed job says. Counts include only what the client may see at this moment. A file without
   * a permitted segment, or of a type that the token does not cover, is not listed. Throws FactsStale.
   */
  private async content(job: Job, scopes: GrantedScopes): Promise<ManifestContent> {
    const { manifest } = await this.releases.manifest(job);
    const moment = this.releases.moment(job);
    const files: (ListedFile & { readonly visible: VisibleFile })[] = [];
    const turns = new Turns();
    for (const file of manifest.files) {
      await turns.next();
      if (uncoveredOf(job, file, scopes) !== undefined) continue;
      const visible = await this.releases.visible(job, file, moment);
      const { segments, index } = visible;
      const count = isOfList(file) ? 1 : linesIn(segments);
      if (count === 0) continue;
      const isStored = segments.length === index.segments.length && segments.every(({ cut }) => cut === undefined);
      const url = `${this.config.publicUrl}/fhir/bulk/${job.job}/${file.file}`;
      files.push({ kind: file.kind, type: file.type, url, count, gzip: isStored ? file.gzip : undefined, visible });
    }
    const { transactionTime, request } = job;
    return {
      transactionTime,
      request,
      organizedBy: manifest.organizedBy,
      files: files.map(({ visible, ...file }) => ({ ...file, continuesIn: continuationOf(visible, files)?.url })),
    };
  }

  @Operation(CANCEL)
  async cancel({ client, params }: Asked<typeof CANCEL>): Promise<Answer> {
    const job = await this.jobs.find(client, params.job);
    const cancelled = await this.streams.end('cancel', job.job, 'deleted by the client');
    if (!cancelled.ok) return this.jobs.refuse(client, 'export-gone', job);
    const { noun } = this.jobs.wordsOf(job);
    if (!(await this.streams.isVisible(job.job, cancelled.version)))
      throw new Refusal('unavailable', `The ${noun} is deleted, but not yet in every view. Repeat the request.`, {
        retryAfter: 2,
      });
    return { json: operationOutcome('information', 'informational', `The ${noun} and its files are deleted.`) };
  }
}

const exportStatus = (status: number): { readonly 'x-export-status': string } => ({
  'x-export-status': `${status} ${STATUS_CODES[status]}`,
});

/** The file in which the last block of a file goes on, if the client may see the end of the block and its rest. */
function continuationOf<F extends { readonly visible: VisibleFile }>(
  { file, index, segments }: VisibleFile,
  all: readonly F[],
): F | undefined {
  const [stored, shown] = [index.segments.at(-1)?.of[0], segments.at(-1)?.of[0]];
  if (file.continuesIn === undefined || stored === undefined || stored !== shown) return undefined;
  const next = all.find(({ visible }) => visible.file.file === file.continuesIn);
  const first = next?.visible.segments[0]?.of[0];
  return first !== undefined && next!.visible.index.members[first] === index.members[stored] ? next : undefined;
}

/** Seconds from 1 to 5: half of the remaining time at the present speed. */
function retryAfter(job: Job, now: number): number {
  const done = chunksWritten(job);
  if (job.plan === undefined || done === 0) return 1;
  const rest = ((now - Date.parse(job.requestedAt)) / done) * (job.plan.chunks - done);
  return Math.min(5, Math.max(1, Math.round(rest / 2000)));
}
