import { Controller, Inject } from '@nestjs/common';
import { membersOf } from '@provider-access/audit';
import { allows } from '@provider-access/domain/smart';
import type { Blobs } from '@provider-access/engines/blob';
import { Refusal } from '@provider-access/kernel';
import { acceptsGzip, chooseRange } from '@provider-access/service/http';
import {
  type Asked,
  type Audited,
  etagOf,
  isNotModified,
  operation,
  Operation,
} from '@provider-access/service/operation';
import { BLOBS } from '../../config.ts';
import { type IndexedSegment, layout, releasedBy, tagOf } from '../../domain/segments/index.ts';
import type { JobPart } from '../../projections/export-jobs.ts';
import { OwnJobs } from '../own-jobs.ts';
import { DownloadNotes } from './download-notes.ts';
import { type Moment, Releases, type VisibleFile } from './releases.ts';
import { segmentStream } from './segment-stream.ts';

/** https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-output-file-request */
const DOWNLOAD = operation({
  route: 'GET /fhir/bulk/{job}/{file}',
  head: true,
  callers: 'app',
  audit: 'download',
  tag: 'Groups and exports',
  summary: 'Download a file of an export',
  description:
    'NDJSON, with gzip if the request accepts it. The server decides again about every member of the file: who ' +
    'opted out since is left out. `Range` resumes a download.',
  parameters: {
    job: 'The id of the export, from `Content-Location`.',
    file: 'The name of the file, from the manifest.',
  },
  headers: [{ name: 'Range', description: '`bytes=…` of a download that broke off.' }],
  answer: { description: 'The file.', type: 'application/fhir+ndjson', schema: { type: 'string' } },
  also: { 206: 'The bytes that were asked for.' },
  refusals: ['not-found', 'range-not-satisfiable'],
});

@Controller()
export class DownloadController {
  constructor(
    @Inject(BLOBS) private readonly blobs: Blobs,
    @Inject(OwnJobs) private readonly jobs: OwnJobs,
    @Inject(Releases) private readonly releases: Releases,
    @Inject(DownloadNotes) private readonly notes: DownloadNotes,
  ) {}

  /** A gzip stream (or plain NDJSON) of the segments that are permitted now. Ranges can be resumed. */
  @Operation(DOWNLOAD)
  async download({ client, scopes, params, request }: Asked<typeof DOWNLOAD>): Promise<Audited> {
    const { headers, method } = request;
    const job = await this.jobs.find(client, params.job);
    const moment = this.releases.moment(job);
    const visible = await this.visibleFile(job, params.file, moment, (type) => allows(scopes, type, 'r'));
    // A file without a permitted segment does not exist, as in the manifest.
    if (visible === undefined) return this.jobs.refuse(client, 'export-file-unknown', job);
    const { file, index, segments } = visible;

    const coding = acceptsGzip(headers['accept-encoding']) ? 'gzip' : 'identity';
    const whole = layout(segments, coding);
    const version = { tag: tagOf(file.part, whole), strong: true };
    const etag = etagOf(version);
    const unchanged = {
      vary: 'Accept-Encoding',
      etag,
      'accept-ranges': 'bytes',
      expires: new Date(job.sealed!.expiresAt).toUTCString(),
      'cache-control': 'private, no-transform',
    };
    if (isNotModified(headers, version, 'not-match'))
      return { audit: 'nothing', answer: { status: 304, headers: unchanged } };
    // A client must never join bytes of two permitted sets, so a range counts only for exactly this representation.
    const counts = method === 'GET' && headers['if-range'] === etag;
    const range = chooseRange(counts ? headers.range : undefined, whole.length);
    if (range.kind === 'unsatisfiable')
      throw new Refusal('range-not-satisfiable', 'The range starts after the end of the file.', {
        headers: { ...unchanged, 'content-range': `bytes */${whole.length}` },
      });
    const { start, end } = range.kind === 'part' ? range : { start: 0, end: whole.length };
    const answer = {
      status: range.kind === 'part' ? 206 : 200,
      headers: {
        ...unchanged,
        'content-type': DOWNLOAD.answer.type,
        ...(coding === 'gzip' && { 'content-encoding': 'gzip' }),
        'content-length': String(end - start),
        ...(range.kind === 'part' && { 'content-range': `bytes ${start}-${end - 1}/${whole.length}` }),
      },
    };
    if (method === 'HEAD') return { audit: 'nothing', answer };

    const given = releasedBy(whole, start, end, index, (member) => moment.decided.get(member) === true);
    const of = { job: job.job, file: file.file };
    const { resources } = whole;
    return {
      audit: [{ hourly: { ...membersOf(given), resources, types: [file.type], group: job.group, ...of } }],
      answer: {
        ...answer,
        body: async () => {
          const stream = await segmentStream({
            blobs: this.blobs,
            part: file.part,
            layout: whole,
            start,
            end,
            mayGoOn: (ahead) => file.kind === 'error' || this.mayGoOn(visible, job.job, ahead),
          }).catch(async (error: unknown) => {
            // Nothing was sent. A job that was deleted meanwhile has no files.
            await this.jobs.find(client, job.job);
            throw error;
          });
          this.notes.count(stream, { ...of, client });
          return stream;
        },
      },
    };
  }

  private async visibleFile(
    job: JobPart,
    name: string,
    moment: Moment,
    covers: (type: string) => boolean,
  ): Promise<VisibleFile | undefined> {
    if (job.sealed === undefined) return undefined;
    const { manifest } = await this.releases.manifest(job);
    const file = manifest.files.find((f) => f.file === name);
    if (file === undefined) return undefined;
    if (file.kind === 'output' && !covers(file.type))
      throw new Refusal('insufficient-scope', `The access token does not cover ${file.type}.`);
    const visible = await this.releases.visible(job, file, moment);
    return visible.segments.length === 0 ? undefined : visible;
  }

  /**
   * Whether the newest facts still permit each of the segments, and the job was not deleted. A download that began
   * before the job expired continues, because its files stay for `graceMs`.
   */
  private async mayGoOn(
    { file, index }: VisibleFile,
    id: string,
    segments: readonly IndexedSegment[],
  ): Promise<boolean> {
    const job = await this.jobs.current(id);
    if (job?.sealed === undefined || job.status === 'cancelled') return false;
    return this.releases.stay(job, file, index, segments);
  }
}
