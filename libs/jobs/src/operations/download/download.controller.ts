import type { IncomingHttpHeaders } from 'node:http';
import { Controller, Inject } from '@nestjs/common';
import { membersOf } from '@provider-access/audit';
import type { GrantedScopes } from '@provider-access/domain/smart';
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
import type { Job } from '../../domain/job.ts';
import { type IndexedSegment, layout, releasedBy, tagOf } from '../../segments/index.ts';
import { OwnJobs } from '../own-jobs.ts';
import { DownloadNotes } from './download-notes.ts';
import { type DownloadSlot, DownloadSlots } from './download-slots.ts';
import { type Moment, Releases, uncoveredOf, type VisibleFile } from './releases.ts';
import { segmentStream } from './segment-stream.ts';

/** https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-output-file-request */
const DOWNLOAD = operation({
  route: 'GET /fhir/bulk/{job}/{file}',
  head: true,
  callers: 'app',
  audit: 'download',
  tag: 'Groups and exports',
  summary: 'Download a file of an export or a match',
  description:
    'NDJSON, with gzip if the request accepts it. The server decides again about every member of the file: who ' +
    'opted out since is left out. `Range` resumes a download: with `If-Range` and the ETag, or without, if the file ' +
    'has not changed since the export was complete.',
  parameters: {
    job: 'The id of the export or match, from `Content-Location`.',
    file: 'The name of the file, from the manifest.',
  },
  headers: [
    { name: 'Range', description: '`bytes=…` of a download that broke off.' },
    { name: 'If-Range', description: 'The `ETag` of that download. Another one gets the whole file.' },
  ],
  answer: { description: 'The file.', type: 'application/fhir+ndjson', schema: { type: 'string' } },
  also: { 206: 'The bytes that were asked for.' },
  refusals: ['not-found', 'range-not-satisfiable', 'too-many-requests'],
});

@Controller()
export class DownloadController {
  constructor(
    @Inject(BLOBS) private readonly blobs: Blobs,
    @Inject(OwnJobs) private readonly jobs: OwnJobs,
    @Inject(Releases) private readonly releases: Releases,
    @Inject(DownloadNotes) private readonly notes: DownloadNotes,
    @Inject(DownloadSlots) private readonly slots: DownloadSlots,
  ) {}

  /** A gzip stream (or plain NDJSON) of the segments that are permitted now. Ranges can be resumed. */
  @Operation(DOWNLOAD)
  async download(asked: Asked<typeof DOWNLOAD>): Promise<Audited> {
    const job = await this.jobs.find(asked.client, asked.params.job);
    if (asked.request.method === 'HEAD') return this.answer(asked, job);
    // Before anything that costs work.
    const slot = await this.slots.take(asked.client);
    try {
      return await this.answer(asked, job, slot);
    } catch (error) {
      slot.release();
      throw error;
    }
  }

  /** `slot` is absent for a request without a body. */
  private async answer(
    { client, scopes, params, request: { headers } }: Asked<typeof DOWNLOAD>,
    job: Job,
    slot?: DownloadSlot,
  ): Promise<Audited> {
    const moment = this.releases.moment(job);
    const visible = await this.visibleFile(job, params.file, moment, scopes);
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
      ...slot?.headers,
    };
    if (isNotModified(headers, version, 'not-match')) {
      slot?.release();
      return { audit: 'nothing', answer: { status: 304, headers: unchanged } };
    }
    const counts = slot !== undefined && (await this.rangeCounts(headers, etag, job, visible));
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
    if (slot === undefined) return { audit: 'nothing', answer };

    const given = releasedBy(whole, start, end, index, (member) => moment.decided.get(member) === true);
    const of = { job: job.job, file: file.file };
    const { resources } = whole;
    return {
      audit: [
        {
          hourly: { ...membersOf(given), resources, types: [...(file.types ?? [file.type])], group: job.group, ...of },
        },
      ],
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
            slot.release();
            await this.jobs.find(client, job.job);
            throw error;
          });
          slot.heldBy(stream);
          this.notes.count(stream, { ...of, client });
          return stream;
        },
      },
    };
  }

  /**
   * A client must never join bytes of two permitted sets. So a range counts for exactly this representation, or,
   * without `If-Range`, while the file is as it was sealed and this client was never sent it in another form.
   */
  private async rangeCounts(
    headers: IncomingHttpHeaders,
    etag: string,
    job: Job,
    visible: VisibleFile,
  ): Promise<boolean> {
    const isWhole = await this.releases.isAsSealed(job, visible);
    if (!isWhole) await this.releases.noteChanged(job, visible.file);
    const ifRange = headers['if-range'];
    if (ifRange !== undefined) return ifRange === etag;
    return headers.range !== undefined && isWhole && !(await this.releases.wasChanged(job, visible.file));
  }

  private async visibleFile(
    job: Job,
    name: string,
    moment: Moment,
    scopes: GrantedScopes,
  ): Promise<VisibleFile | undefined> {
    if (job.sealed === undefined) return undefined;
    const { manifest } = await this.releases.manifest(job);
    const file = manifest.files.find((f) => f.file === name);
    if (file === undefined) return undefined;
    const uncovered = uncoveredOf(job, file, scopes);
    if (uncovered !== undefined)
      throw new Refusal('insufficient-scope', `The access token does not cover ${uncovered}.`);
    const visible = await this.releases.visible(job, file, moment);
    return visible.segments.length === 0 ? undefined : visible;
  }

  /**
   * Whether the newest facts still permit each of the segments, and the job was not deleted. A download that began
   * before the job expired continues, because its files stay for `graceMs`.
   */
  private async mayGoOn(visible: VisibleFile, id: string, segments: readonly IndexedSegment[]): Promise<boolean> {
    const job = await this.jobs.current(id);
    if (job?.sealed === undefined || job.status === 'cancelled') return false;
    return this.releases.stay(job, visible, segments);
  }
}
