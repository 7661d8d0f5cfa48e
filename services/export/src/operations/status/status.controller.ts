import { Controller, Delete, Get, Inject, Param, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { operationOutcome } from '@provider-access/kernel/fhir';
import { instant, Refusal } from '@provider-access/kernel';
import { allows } from '@provider-access/domain/smart';
import { SmartGuard, type SmartRequest } from '@provider-access/smart';
import { ExportContext } from '../../context.ts';
import { chunksWritten } from '../../domain/job/job.ts';
import type { JobPart } from '../../projections/export-jobs.ts';
import { findJob, refuseExport } from '../find-job.ts';
import { seen } from '../davinci-data-export/kick-off.ts';
import { failure, progress } from './job-texts.ts';
import { manifestBody } from './manifest.ts';

/** GET and DELETE /fhir/bulk/{job}: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-status-request */
@Controller('fhir/bulk')
@UseGuards(SmartGuard)
export class StatusController {
  constructor(@Inject(ExportContext) private readonly context: ExportContext) {}

  @Get(':job')
  async status(@Param('job') id: string, @Req() request: SmartRequest, @Res() reply: FastifyReply): Promise<void> {
    const {
      ports: { state, clock },
      config,
      releases,
    } = this.context;
    const job = await findJob(this.context, request.smart.client, id);
    const polls = await state.counters.hit(`export-status/${id}`, 60_000);
    if (polls.count > config.pollsPerMinute)
      throw new Refusal('too-many-requests', `Request the status at most ${config.pollsPerMinute} times a minute.`, {
        retryAfter: Math.max(1, Math.ceil((polls.resetsAt - clock.now()) / 1000)),
      });
    if (job.status === 'failed') throw new Refusal('internal', failure(job));
    if (job.status !== 'sealed') {
      await reply
        .code(202)
        .headers({
          'x-progress': progress(job),
          'retry-after': String(retryAfter(job, clock.now())),
          'cache-control': 'no-store',
        })
        .send();
      return;
    }
    const body = JSON.stringify(
      await manifestBody(job, releases, {
        publicUrl: config.publicUrl,
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
    const { group } = await findJob(this.context, client, id);
    const cancelled = await this.context.streams.execute({
      kind: 'cancel',
      data: { job: id, reason: 'deleted by the client', at: instant(this.context.ports.clock.now()) },
    });
    if (!cancelled.ok) return refuseExport(this.context, client, 'export-gone', { id, group });
    if (!(await seen(this.context, id, cancelled.version)))
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
