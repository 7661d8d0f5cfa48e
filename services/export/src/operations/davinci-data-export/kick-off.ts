import { Inject, Injectable } from '@nestjs/common';
import { reaches } from '@provider-access/domain/smart';
import { purposeOfList } from '@provider-access/facts';
import { Refusal } from '@provider-access/kernel';
import { hasPreference, isLenient, PORTS, type ServicePorts } from '@provider-access/service/http';
import { ClientLimits, JobStarts, SEPARATE_STATUS } from '@provider-access/jobs';
import { CONFIG, type ExportConfig } from '../../config.ts';
import { type KickOffRequest, parseKickOff } from '../../domain/request/parameters.ts';
import { AskedPatients } from './asked-patients.ts';
import { type KickOff, NewJobs } from './new-jobs.ts';

/** Starts exports of a Group (Bulk Data `group-export`, Da Vinci ATR `davinci-data-export`). */
@Injectable()
export class KickOffs {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: ExportConfig,
    @Inject(ClientLimits) private readonly limits: ClientLimits,
    @Inject(JobStarts) private readonly starts: JobStarts,
    @Inject(AskedPatients) private readonly patients: AskedPatients,
    @Inject(NewJobs) private readonly newJobs: NewJobs,
  ) {}

  /**
   * Starts an export of a Group that the client may export. Resolves when the job is durable and the next status
   * request will see it. https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-kick-off-request
   * @returns headers of the answer
   * @throws Refusal
   */
  async start(kickOff: KickOff): Promise<Readonly<Record<string, string>>> {
    const { client, scopes } = kickOff;
    const lenient = isLenient(kickOff.prefer);
    const separateStatus = hasPreference(kickOff.prefer, SEPARATE_STATUS);
    const request = parseKickOff(kickOff.operation, kickOff.query, kickOff.body, {
      lenient,
      now: Math.max(this.ports.clock.now(), await this.starts.newestTime()),
      inScope: (type) => reaches(scopes, type, 'r'),
      base: `${this.config.publicUrl}/fhir`,
    });
    await this.limits.countKickOff(client);
    // $davinci-data-export ignores such references, and its `error` file lists them.
    if (kickOff.operation === '$export' && !lenient)
      await this.patients.assertReleased(
        client,
        purposeOfList('export', kickOff.list, kickOff.group),
        request.patients ?? [],
      );
    if (kickOff.list.match !== undefined && request.list !== undefined) throw noAttributionList(request.list);
    return this.starts.start(
      { client, separateStatus, ...(lenient && { applied: ['handling=lenient'] }) },
      (job, frozen) => this.newJobs.describe(job, kickOff, request, frozen),
    );
  }
}

/** The line of a Group has what ATR says about attributions. A match is none. */
const noAttributionList = (list: NonNullable<KickOffRequest['list']>): Refusal =>
  new Refusal(
    'not-supported',
    'A matched Group is no attribution list. Export its members without it, and read it with GET Group/[id].',
    { expression: list === 'attribution' ? 'exportType' : '_type' },
  );
