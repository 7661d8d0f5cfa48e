import { Inject, Injectable } from '@nestjs/common';
import { Audit, auditedQuery } from '@provider-access/audit';
import { partName, restrictionsOf } from '@provider-access/domain/smart';
import type { Blobs } from '@provider-access/engines/blob';
import { ListHeads, type NamedGroup, type OwnedGroup, purposeOfList } from '@provider-access/facts';
import { instant } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import type { Client } from '@provider-access/service/operation';
import { BLOBS, type Frozen, JobStarts, JobViews, type NewJob } from '@provider-access/jobs';
import { askFile } from '@provider-access/jobs/files';
import type { Ask } from '../../jobs/ask.ts';
import type { GivenParameter } from '../../domain/request/given.ts';
import type { KickOffRequest, Operation } from '../../domain/request/parameters.ts';
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
/** Each parameter as the audit records it. */
export const givenOf = ({ query, body }: Pick<KickOff, 'query' | 'body'>): (readonly [string, string])[] =>
  [...query, ...body].map(({ name, value }) => [name, String(value)] as const);

/** Makes the job of a kick-off that was accepted. */
@Injectable()
export class NewJobs {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(BLOBS) private readonly blobs: Blobs,
    @Inject(JobStarts) private readonly starts: JobStarts,
    @Inject(JobViews) private readonly views: JobViews,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(ListHeads) private readonly heads: ListHeads,
  ) {}

  /** Writes the kick-off to the audit, and says what its event has. */
  async describe(job: string, kickOff: KickOff, request: KickOffRequest, frozen: Frozen): Promise<NewJob> {
    const { client, group, operation, url } = kickOff;
    const types = [...request.types];
    const within = types.flatMap((type) => restrictionsOf(kickOff.scopes, type, 'r')?.map(partName) ?? []);
    await this.audit.record({
      action: 'export-requested',
      outcome: 'released',
      members: [],
      resources: 0,
      job,
      client,
      group,
      types,
      ...auditedQuery(givenOf(kickOff)),
    });
    const owned = (await this.views.listOf(client, group)) ?? kickOff.list;
    const list = await this.listOf({ ...kickOff, list: owned }, request, frozen);
    const { also } = purposeOfList('export', owned, group);
    const { since, exportType, organizeBy } = request;
    return {
      group,
      types,
      operation,
      url,
      since,
      exportType,
      warnings: [...request.warnings],
      ask: await this.keepAsk(job, request, list),
      ...(also !== undefined && { also }),
      ...(within.length > 0 && { within }),
      marked: { organizeBy, list, also, matched: owned.match },
    };
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
   * Writes what the request asks for to a file, because it may be larger than an event.
   * @returns the name of the file; undefined if the request asks for everything
   */
  private async keepAsk(
    job: string,
    { patients, filters, elements, until, provenance, organizeBy }: KickOffRequest,
    list: AskedList | undefined,
  ): Promise<string | undefined> {
    const ask: Ask = { v: 1, patients, filters, elements, until, provenance, organizeBy, ...(list && { list }) };
    if (Object.values(ask).filter((each) => each !== undefined).length === 1) return undefined;
    await this.starts.sweepUnlessRequested(job);
    const name = askFile(job);
    await this.blobs.put(name, JSON.stringify(ask));
    return name;
  }
}
