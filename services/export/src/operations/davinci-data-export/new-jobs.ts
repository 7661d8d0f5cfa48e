import { Inject, Injectable } from '@nestjs/common';
import { Audit, auditedQuery } from '@provider-access/audit';
import type { Blobs } from '@provider-access/engines/blob';
import type { Position } from '@provider-access/engines/log';
import { ListHeads, type NamedGroup, type OwnedGroup, purposeOfList } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import type { Client } from '@provider-access/service/operation';
import { BLOBS, JobStreams, positionsInEvent, sweepOfKickOff } from '@provider-access/jobs';
import { askFile } from '@provider-access/jobs/files';
import type { Ask } from '../../jobs/ask.ts';
import { CONFIG, type ExportConfig } from '../../config.ts';
import type { GivenParameter } from '../../domain/request/given.ts';
import type { KickOffRequest, Operation } from '../../domain/request/parameters.ts';
import { NOT_ACKNOWLEDGED } from '../../jobs/answered-levels.ts';
import type { AskedList } from '../../jobs/asked-list.ts';

export interface KickOff extends Client {
  readonly operation: Operation;
  /** The id that the client asks for, and the list that has it. */
  readonly group: string;
  readonly list: OwnedGroup;
  readonly url: string;
  readonly query: readonly GivenParameter[];
  readonly body: readonly GivenParameter[];
  readonly prefer: string | undefined;
}
interface AcceptedKickOff extends KickOff {
  /** Whether the client prefers `separate-export-status`. */
  readonly separateStatus: boolean;
}
/** From when on a later export finds what changed, and the heads of the payer's topics that this export contains. */
export interface Frozen {
  /** ms since the epoch */
  readonly transactionTime: number;
  readonly positions: Position;
}

/** Each parameter as the audit records it. */
export const givenOf = ({ query, body }: Pick<KickOff, 'query' | 'body'>): (readonly [string, string])[] =>
  [...query, ...body].map(({ name, value }) => [name, String(value)] as const);

export const unavailable = (): Refusal =>
  new Refusal('unavailable', 'The views have not passed the newest events yet. Repeat the request.', { retryAfter: 2 });

/** Makes the job of a kick-off that was accepted. */
@Injectable()
export class NewJobs {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: ExportConfig,
    @Inject(BLOBS) private readonly blobs: Blobs,
    @Inject(JobStreams) private readonly streams: JobStreams,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(ListHeads) private readonly heads: ListHeads,
  ) {}

  /**
   * Writes the job to the audit, then to its stream. Resolves when the next status request will see the job.
   * @throws Refusal 503
   */
  async record(job: string, kickOff: AcceptedKickOff, request: KickOffRequest, frozen: Frozen): Promise<void> {
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
    const list = await this.listOf(kickOff, request, frozen);
    const ask = await this.keepAsk(job, request, list);
    const { also } = purposeOfList('export', kickOff.list, group);
    const executed = await this.streams.execute({
      kind: 'request',
      data: {
        ...about,
        operation,
        request: this.config.publicUrl + kickOff.url,
        since: request.since,
        exportType: request.exportType,
        warnings: [...request.warnings],
        positions: positionsInEvent(frozen.positions, { ask, organizeBy: request.organizeBy, list, also }),
        transactionTime: instant(frozen.transactionTime),
        requestedAt: now,
        traceparent,
        ask,
        ...(also !== undefined && { also }),
        ...(kickOff.separateStatus && { separateStatus: true }),
      },
    });
    if (!executed.ok) throw new Error('a new random job id exists already');
    if (await this.streams.isVisible(job, executed.version)) return;
    // The client gets 503 and will repeat the kick-off, so this job must not run.
    await this.streams.end('cancel', job, NOT_ACKNOWLEDGED);
    throw unavailable();
  }

  /** What the Group says beside its members, for an export of the list. The Group exists for the client. */
  private async listOf(
    { client, list }: KickOff,
    { list: kind }: KickOffRequest,
    { transactionTime }: Frozen,
  ): Promise<AskedList | undefined> {
    if (kind === undefined) return undefined;
    const [{ head }] = (await this.heads.named(client, [list])) as [NamedGroup];
    const payer = await this.heads.payer(client);
    return { kind, head: { ...head, payer }, lastUpdated: instant(transactionTime) };
  }

  /**
   * Writes what the request asks for to a file, because it may be larger than an event. The item of the sweep comes
   * first: if this process dies before the event exists, the sweep removes the file.
   * @returns the name of the file; undefined if the request asks for everything
   */
  private async keepAsk(
    job: string,
    { patients, filters, elements, until, provenance, organizeBy }: KickOffRequest,
    list: AskedList | undefined,
  ): Promise<string | undefined> {
    const ask: Ask = { v: 1, patients, filters, elements, until, provenance, organizeBy, ...(list && { list }) };
    if (Object.values(ask).filter((each) => each !== undefined).length === 1) return undefined;
    const notBefore = this.ports.clock.now() + this.config.leaseMs * 2;
    await this.ports.state.work.put('export-sweep', [sweepOfKickOff(job, notBefore)]);
    const name = askFile(job);
    await this.blobs.put(name, JSON.stringify(ask));
    return name;
  }
}
