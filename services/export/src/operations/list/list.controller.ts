import { Controller, Get, Inject, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { ViewReader } from '@provider-access/engines/views';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { SmartGuard, type SmartRequest } from '@provider-access/smart';
import { CONFIG, type ExportConfig } from '../../config.ts';
import { ClientLimits } from '../../jobs/client-limits.ts';
import { exportJobs } from '../../projections/export-jobs.ts';
import { ownExports } from './own-exports.ts';

/**
 * GET /fhir/bulk: the client's own exports. Bulk Data has no such request. An app that lost a status URL finds and
 * deletes its exports with it.
 */
@Controller('fhir/bulk')
@UseGuards(SmartGuard)
export class ListController {
  private readonly jobs: ViewReader;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: ExportConfig,
    @Inject(ClientLimits) private readonly limits: ClientLimits,
  ) {
    this.jobs = ports.views.reader(exportJobs);
  }

  @Get()
  async list(@Req() request: SmartRequest, @Res() reply: FastifyReply): Promise<void> {
    const { client } = request.smart;
    // Each request reads all exports of the client, so it has the limit of a status request.
    await this.limits.countPoll('list', client);
    const { publicUrl, keepMs } = this.config;
    const body = await ownExports(this.jobs, { client, publicUrl, keepMs, now: this.ports.clock.now() });
    await reply
      .code(200)
      .headers({ 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' })
      .send(JSON.stringify(body));
  }
}
