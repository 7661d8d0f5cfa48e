import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Audit, auditedQuery } from '@provider-access/audit';
import { allows } from '@provider-access/domain/smart';
import { TransactionTimes } from '@provider-access/engines/state';
import type { Position } from '@provider-access/engines/log';
import { base32, instant, Refusal } from '@provider-access/kernel';
import { isLenient, PORTS, type ServicePorts } from '@provider-access/service/http';
import type { Client } from '@provider-access/service/operation';
import { CONFIG, type ExportConfig } from '../../config.ts';
import type { GivenParameter } from '../../domain/request/given.ts';
import { parseKickOff, type KickOffRequest, type Operation } from '../../domain/request/parameters.ts';
import { NOT_ACKNOWLEDGED } from '../../jobs/answered-levels.ts';
import { ClientLimits } from '../../jobs/client-limits.ts';
import { ExportedViews } from '../../jobs/exported-views.ts';
import { JobStreams } from '../../jobs/job-stream.ts';

export interface KickOff extends Client {
  readonly operation: Operation;
  readonly group: string;
  readonly url: string;
  readonly query: readonly GivenParameter[];
  readonly body: readonly GivenParameter[];
  readonly prefer: string | undefined;
}
/** From when on a later export finds what changed, and the heads of the payer's topics that this export contains. */
interface Frozen {
  /** ms since the epoch */
  readonly transactionTime: number;
  readonly positions: Position;
}

/** Each parameter as the audit records it. */
export const givenOf = ({ query, body }: Pick<KickOff, 'query' | 'body'>): (readonly [string, string])[] =>
  [...query, ...body].map(({ name, value }) => [name, String(value)] as const);

const unavailable = (): Refusal =>
  new Refusal('unavailable', 'The views have not passed the newest events yet. Repeat the request.', { retryAfter: 2 });

/** 128 random bits. A download needs a token of the client and this id, which nobody can guess. */
const newJobId = (): string => base32(randomBytes(16));

/** Starts exports of a Group (Bulk Data `group-export`, Da Vinci ATR `davinci-data-export`). */
@Injectable()
export class KickOffs {
  private readonly transactionTimes: TransactionTimes;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: ExportConfig,
    @Inject(JobStreams) private readonly streams: JobStreams,
    @Inject(ClientLimits) private readonly limits: ClientLimits,
    @Inject(ExportedViews) private readonly views: ExportedViews,
    @Inject(Audit) private readonly audit: Audit,
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
    const request = parseKickOff(kickOff.operation, kickOff.query, kickOff.body, {
      lenient,
      now: Math.max(this.ports.clock.now(), await this.transactionTimes.newest()),
      inScope: (type) => allows(scopes, type, 'r'),
    });
    await this.limits.countKickOff(client);
    const frozen = await this.freeze();
    const job = newJobId();
    await this.limits.takeSlot(client, job);
    try {
      await this.record(job, kickOff, request, frozen);
    } catch (error) {
      await this.limits.releaseSlot(client, job);
      throw error;
    }
    return {
      'content-location': `${this.config.publicUrl}/fhir/bulk/${job}`,
      'preference-applied': lenient ? 'respond-async, handling=lenient' : 'respond-async',
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

  /** Writes the job to the audit, then to its stream. */
  private async record(job: string, kickOff: KickOff, request: KickOffRequest, frozen: Frozen): Promise<void> {
    const { clock, tracing } = this.ports;
    const { client, group, operation } = kickOff;
    const now = instant(clock.now());
    const traceparent = tracing?.traceparent();
    const about = { job, client, group, types: [...request.types] };
    await this.audit.record({
      action: 'export-requested',
      outcome: 'released',
      members: [],
      resources: 0,
      ...about,
      ...auditedQuery(givenOf(kickOff)),
    });
    const executed = await this.streams.execute({
      kind: 'request',
      data: {
        ...about,
        operation,
        request: this.config.publicUrl + kickOff.url,
        since: request.since,
        exportType: request.exportType,
        warnings: [...request.warnings],
        positions: Object.fromEntries(Object.entries(frozen.positions).map(([topic, at]) => [topic, [...at]])),
        transactionTime: instant(frozen.transactionTime),
        requestedAt: now,
        traceparent,
      },
    });
    if (!executed.ok) throw new Error('a new random job id exists already');
    if (await this.streams.isVisible(job, executed.version)) return;
    // The client gets 503 and will repeat the kick-off, so this job must not run.
    await this.streams.end('cancel', job, NOT_ACKNOWLEDGED);
    throw unavailable();
  }
}
