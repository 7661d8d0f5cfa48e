import { Controller, Delete, Get, Inject, Param, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { operationOutcome } from '@provider-access/kernel/fhir';
import { instant, Refusal } from '@provider-access/kernel';
import { allows } from '@provider-access/domain/smart';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { SmartGuard, type SmartRequest } from '@provider-access/smart';
import { CONFIG, type ExportConfig } from '../../config.ts';
import { chunksWritten } from '../../domain/job/job.ts';
import type { JobPart } from '../../projections/export-jobs.ts';
import { ClientLimits } from '../../jobs/client-limits.ts';
import { JobStreams } from '../../jobs/job-stream.ts';
import { Releases } from '../download/releases.ts';
import { OwnJobs } from '../own-jobs.ts';
import { failure, progress } from './job-texts.ts';
import { manifestBody } from './manifest.ts';

/** GET and DELETE /fhir/bulk/{job}: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-status-request */
@Controller('fhir/bulk')
@UseGuards(SmartGuard)
export class StatusController {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: ExportConfig,
    @Inject(OwnJobs) private readonly jobs: OwnJobs,
    @Inject(ClientLimits) private readonly limits: ClientLimits,
    @Inject(JobStreams) private readonly streams: JobStreams,
    @Inject(Releases) private readonly releases: Releases,
  ) {}

  @Get(':job')
  async status(@Param('job') id: string, @Req() request: SmartRequest, @Res() reply: FastifyReply): Promise<void> {
    const job = await this.jobs.find(request.smart.client, id);
    await this.limits.countPoll('status', id);
    if (job.status === 'failed') throw new Refusal('internal', failure(job));
    if (job.status !== 'sealed') {
      await reply
        .code(202)
        .headers({
          'x-progress': progress(job),
          'retry-after': String(retryAfter(job, this.ports.clock.now())),
          'cache-control': 'no-store',
        })
        .send();
      return;
    }
    const body = JSON.stringify(
      await manifestBody(job, this.releases, {
        publicUrl: this.config.publicUrl,
        covers: (type) => allows(request.smart.scopes, type, 'r'),
      }),
    );
    await reply
      .code(200)
      .headers({
        'content-type': 'application/json; charset=utf-8',
        expires: new Date(job.sealed!.expiresAt).toUTCString(),
        'cache-control': 'no-store',
      })
      .send(body);
  }

  @Delete(':job')
  async cancel(@Param('job') id: string, @Req() request: SmartRequest, @Res() reply: FastifyReply): Promise<void> {
    const { client } = request.smart;
    const job = await this.jobs.find(client, id);
    const cancelled = await this.streams.execute({
      kind: 'cancel',
      data: { job: id, reason: 'deleted by the client', at: instant(this.ports.clock.now()) },
    });
    if (!cancelled.ok) return this.jobs.refuse(client, 'export-gone', job);
    if (!(await this.streams.isVisible(id, cancelled.version)))
      throw new Refusal('unavailable', 'The export is deleted, but not yet in every view. Repeat the request.', {
        retryAfter: 2,
      });
    await reply
      .code(202)
      .headers({ 'content-type': 'application/fhir+json; charset=utf-8', 'cache-control': 'no-store' })
      .send(JSON.stringify(operationOutcome('information', 'informational', 'The export and its files are deleted.')));
  }
}

/** Seconds from 1 to 5: half of the remaining time at the present speed. */
function retryAfter(job: JobPart, now: number): number {
  const done = chunksWritten(job);
  if (job.plan === undefined || done === 0) return 1;
  const rest = ((now - Date.parse(job.requestedAt)) / done) * (job.plan.chunks - done);
  return Math.min(5, Math.max(1, Math.round(rest / 2000)));
}
