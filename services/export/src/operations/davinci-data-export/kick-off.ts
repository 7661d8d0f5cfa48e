import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { allows } from '@provider-access/domain/smart';
import { TransactionTimes } from '@provider-access/engines/state';
import { purposeOfList } from '@provider-access/facts';
import { base32 } from '@provider-access/kernel';
import { hasPreference, isLenient, PORTS, type ServicePorts } from '@provider-access/service/http';
import { ClientLimits, JobViews } from '@provider-access/jobs';
import { CONFIG, type ExportConfig } from '../../config.ts';
import { parseKickOff } from '../../domain/request/parameters.ts';
import { AskedPatients } from './asked-patients.ts';
import { type Frozen, type KickOff, NewJobs, unavailable } from './new-jobs.ts';

/** The preference that status requests tell how they went themselves, and the export's status in a header. */
const SEPARATE_STATUS = 'separate-export-status';

/** 128 random bits. A download needs a token of the client and this id, which nobody can guess. */
const newJobId = (): string => base32(randomBytes(16));

/** Starts exports of a Group (Bulk Data `group-export`, Da Vinci ATR `davinci-data-export`). */
@Injectable()
export class KickOffs {
  private readonly transactionTimes: TransactionTimes;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: ExportConfig,
    @Inject(ClientLimits) private readonly limits: ClientLimits,
    @Inject(JobViews) private readonly views: JobViews,
    @Inject(AskedPatients) private readonly patients: AskedPatients,
    @Inject(NewJobs) private readonly newJobs: NewJobs,
  ) {
    this.transactionTimes = new TransactionTimes(ports.state.streams);
  }

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
      now: Math.max(this.ports.clock.now(), await this.transactionTimes.newest()),
      inScope: (type) => allows(scopes, type, 'r'),
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
    const frozen = await this.freeze();
    const list = (await this.views.listOf(client, kickOff.group)) ?? kickOff.list;
    const job = newJobId();
    await this.limits.takeSlot(client, job);
    try {
      await this.newJobs.record(job, { ...kickOff, list, separateStatus }, request, frozen);
    } catch (error) {
      await this.limits.releaseSlot(client, job);
      throw error;
    }
    return {
      'content-location': `${this.config.publicUrl}/fhir/bulk/${job}`,
      'preference-applied': [
        'respond-async',
        ...(separateStatus ? [SEPARATE_STATUS] : []),
        ...(lenient ? ['handling=lenient'] : []),
      ].join(', '),
    };
  }

  /** @throws Refusal if the views do not pass the present heads in time */
  private async freeze(): Promise<Frozen> {
    // Raise the time before reading the positions, so that intakes stamp later events with this time or a later time,
    // whatever their clocks show (ADR 0023).
    const transactionTime = this.ports.clock.now() - this.config.skewMarginMs;
    await this.transactionTimes.raise(transactionTime);
    const positions = await this.views.payerHead();
    if (!(await this.views.passed(positions))) throw unavailable();
    return { transactionTime, positions };
  }
}
