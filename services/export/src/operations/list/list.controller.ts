import { Controller, Inject } from '@nestjs/common';
import type { ViewReader } from '@provider-access/engines/views';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import { CONFIG, type ExportConfig } from '../../config.ts';
import { ClientLimits } from '../../jobs/client-limits.ts';
import { exportJobs } from '../../projections/export-jobs.ts';
import { ownExports } from './own-exports.ts';

const LIST = operation({
  route: 'GET /fhir/bulk',
  callers: 'app',
  refusedAs: 'download',
  tag: 'Groups and exports',
  summary: 'List the own exports of the app',
  description:
    'The newest 100 exports that a status request would answer, newest first. Bulk Data has no such request. An ' +
    'app that lost the URL of an export finds it here, and deletes what it no longer needs.',
  answer: { description: 'The exports.', type: JSON_TYPE, schema: ref('Exports') },
  refusals: ['too-many-requests'],
});

@Controller()
export class ListController {
  private readonly jobs: ViewReader;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: ExportConfig,
    @Inject(ClientLimits) private readonly limits: ClientLimits,
  ) {
    this.jobs = ports.views.reader(exportJobs);
  }

  @Operation(LIST)
  async list({ client }: Asked<typeof LIST>): Promise<Answer> {
    // Each request reads all exports of the client, so it has the limit of a status request.
    await this.limits.countPoll('list', client);
    const { publicUrl, keepMs } = this.config;
    return { json: await ownExports(this.jobs, { client, publicUrl, keepMs, now: this.ports.clock.now() }) };
  }
}
