import type { Readable } from 'node:stream';
import { Controller, Get, Head, Inject, Param, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Audit, membersOf } from '@provider-access/audit';
import type { Blobs } from '@provider-access/engines/blob';
import type { ViewReader } from '@provider-access/engines/views';
import type { ExportDownloaded } from '@provider-access/events';
import { Refusal } from '@provider-access/kernel';
import { allows } from '@provider-access/domain/smart';
import { AccessEnded, chooseRange, dropWhenAccessEnds, PORTS, type ServicePorts } from '@provider-access/service/http';
import { SmartGuard, type SmartRequest } from '@provider-access/smart';
import { BLOBS } from '../../config.ts';
import {
  acceptsGzip,
  etag,
  type IndexedSegment,
  layout,
  type PartIndex,
  releasedBy,
} from '../../domain/segments/index.ts';
import type { PartInfo } from '../../jobs/part-set.ts';
import { exportJobs, getJob } from '../../projections/export-jobs.ts';
import { OwnJobs } from '../own-jobs.ts';
import { DownloadNotes } from './download-notes.ts';
import { Releases } from './releases.ts';
import { segmentStream } from './segment-stream.ts';

/** Limit of repeated decisions for a download, if a member's access ends before the first byte. */
const ANEW = 10;
const first = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header.join(', ') : header;

/**
 * GET and HEAD /fhir/bulk/{job}/{file}: a gzip stream (or plain NDJSON) of the segments that are permitted now. Ranges
 * can be resumed. https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-output-file-request
 */
@Controller('fhir/bulk')
@UseGuards(SmartGuard)
export class DownloadController {
  private readonly view: ViewReader;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(BLOBS) private readonly blobs: Blobs,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(OwnJobs) private readonly jobs: OwnJobs,
    @Inject(Releases) private readonly releases: Releases,
    @Inject(DownloadNotes) private readonly notes: DownloadNotes,
  ) {
    this.view = ports.views.reader(exportJobs);
  }

  @Head(':job/:file')
  head(
    @Param('job') id: string,
    @Param('file') name: string,
    @Req() request: SmartRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.serve(id, name, request, reply);
  }
  @Get(':job/:file')
  get(
    @Param('job') id: string,
    @Param('file') name: string,
    @Req() request: SmartRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.serve(id, name, request, reply);
  }

  private async serve(id: string, name: string, request: SmartRequest, reply: FastifyReply, again = 0): Promise<void> {
    const { releases, blobs, audit } = this;
    const { client, scopes } = request.smart;
    const job = await this.jobs.find(client, id);
    const absent = (): Promise<never> => this.jobs.refuse(client, 'export-file-unknown', job);
    if (job.sealed === undefined) return absent();
    const { manifest } = await releases.manifest(job);
    const file = manifest.files.find((f) => f.file === name);
    if (file === undefined) return absent();
    if (file.kind === 'output' && !allows(scopes, file.type, 'r'))
      throw new Refusal('insufficient-scope', `The access token does not cover ${file.type}.`);
    const moment = releases.moment(job);
    const { index, segments } = await releases.visible(job, file, moment);
    // A file without a permitted segment does not exist, as in the manifest.
    if (segments.length === 0) return absent();

    const coding = acceptsGzip(first(request.headers['accept-encoding'])) ? 'gzip' : 'identity';
    const whole = layout(segments, coding);
    const tag = etag(file.part, whole);
    const unchanged = {
      vary: 'Accept-Encoding',
      etag: tag,
      'accept-ranges': 'bytes',
      expires: new Date(job.sealed.expiresAt).toUTCString(),
      'cache-control': 'private, no-transform',
    };
    const ifNoneMatch = first(request.headers['if-none-match']);
    if (ifNoneMatch !== undefined && ifNoneMatch.split(',').some((t) => t.trim() === tag))
      return void (await reply.code(304).headers(unchanged).send());
    // A client must never join bytes of two permitted sets, so a range counts only for exactly this representation.
    const counts = request.method === 'GET' && first(request.headers['if-range']) === tag;
    const range = chooseRange(counts ? first(request.headers['range']) : undefined, whole.length);
    if (range.kind === 'unsatisfiable') {
      throw new Refusal('range-not-satisfiable', 'The range starts after the end of the file.', {
        headers: { ...unchanged, 'content-range': `bytes */${whole.length}` },
      });
    }
    const { start, end } = range.kind === 'part' ? range : { start: 0, end: whole.length };
    const headers = {
      ...unchanged,
      'content-type': 'application/fhir+ndjson',
      ...(coding === 'gzip' && { 'content-encoding': 'gzip' }),
      'content-length': String(end - start),
      ...(range.kind === 'part' && { 'content-range': `bytes ${start}-${end - 1}/${whole.length}` }),
    };
    const status = range.kind === 'part' ? 206 : 200;
    if (request.method === 'HEAD') return void (await reply.code(status).headers(headers).send());

    const given = releasedBy(whole, start, end, index, (member) => moment.decided.get(member) === true);
    await audit.release({
      client,
      action: 'download',
      ...membersOf(given),
      resources: whole.resources,
      types: [file.type],
      group: job.group,
      job: id,
      file: name,
    });
    let stream: Readable;
    try {
      stream = await segmentStream({
        blobs,
        part: file.part,
        layout: whole,
        start,
        end,
        mayGoOn: (ahead) => file.kind === 'error' || this.mayGoOn(id, file, index, ahead),
      });
    } catch (error) {
      // A member's access ended between the decision and the first byte. Nothing was sent, so decide again.
      await this.jobs.find(client, id);
      if (!(error instanceof AccessEnded) || again === ANEW) throw error;
      return this.serve(id, name, request, reply, again + 1);
    }
    this.count(stream, { job: id, client, file: name });
    dropWhenAccessEnds(stream, request.raw.socket);
    await reply.code(status).headers(headers).send(stream);
  }

  /**
   * Whether the newest facts still permit each of the segments, and the job was not deleted. A download that began
   * before the job expired continues, because its files stay for `graceMs`.
   */
  private async mayGoOn(
    id: string,
    file: PartInfo,
    index: PartIndex,
    segments: readonly IndexedSegment[],
  ): Promise<boolean> {
    const job = await getJob(this.view, id);
    if (job?.sealed === undefined || job.status === 'cancelled') return false;
    return this.releases.stay(job, file, index, segments);
  }

  private count(stream: Readable, of: Pick<ExportDownloaded, 'job' | 'client' | 'file'>): void {
    let bytes = 0;
    let complete = false;
    stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    stream.once('end', () => (complete = true));
    stream.once('close', () => {
      this.ports.metrics.count('pa_export_downloaded_bytes_total', {}, bytes);
      void this.notes.ended(of, bytes, complete);
    });
  }
}
