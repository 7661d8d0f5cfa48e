import { Controller, Get, Inject, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Refusal } from '@provider-access/kernel';
import { SmartGuard, type SmartRequest } from '@provider-access/smart';
import { ExportContext } from '../../context.ts';
import { ownExports } from './own-exports.ts';

/**
 * GET /fhir/bulk: the client's own exports. Bulk Data has no such request. An app that lost a status URL finds and
 * deletes its exports with it.
 */
@Controller('fhir/bulk')
@UseGuards(SmartGuard)
export class ListController {
  constructor(@Inject(ExportContext) private readonly context: ExportContext) {}

  @Get()
  async list(@Req() request: SmartRequest, @Res() reply: FastifyReply): Promise<void> {
    const {
      ports: { state, clock },
      config,
      views,
    } = this.context;
    const { client } = request.smart;
    // Each request reads all exports of the client, so it has the limit of a status request.
    const lists = await state.counters.hit(`export-list/${client}`, 60_000);
    if (lists.count > config.pollsPerMinute)
      throw new Refusal('too-many-requests', `Request the list at most ${config.pollsPerMinute} times a minute.`, {
        retryAfter: Math.max(1, Math.ceil((lists.resetsAt - clock.now()) / 1000)),
      });
    const { publicUrl, keepMs } = config;
    const body = await ownExports(views.jobs, { client, publicUrl, keepMs, now: clock.now() });
    await reply
      .code(200)
      .headers({ 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' })
      .send(JSON.stringify(body));
  }
}
