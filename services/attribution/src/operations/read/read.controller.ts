import { Controller, Get, Inject, Param, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Audit, countedBy, membersOf } from '@provider-access/audit';
import type { RefusalReason } from '@provider-access/events';
import { instant, Refusal, unknownResource } from '@provider-access/kernel';
import { historyBundle, type Subset } from '@provider-access/kernel/fhir';
import {
  holds,
  linkedQuery,
  queryOf,
  readGeneral,
  readHistoryQuery,
  readShape,
  SearchTurns,
  SHAPES,
  unknownParameter,
  urlWith,
} from '@provider-access/service/http';
import { etagOf, isNotModified, requireScope } from '@provider-access/service/operation';
import { SmartGuard, type SmartRequest } from '@provider-access/smart';
import { CONFIG, type AttributionConfig } from '../../config.ts';
import { shaped, showsMembers } from '../group-query.ts';
import { GroupView, type VisibleGroup } from '../group-view.ts';

/**
 * read, vread and history of a Group: the list of one provider, as this client sees it now. docs/regulation.md#groups,
 * https://hl7.org/fhir/R4/http.html#read
 */
@Controller()
@UseGuards(SmartGuard)
export class GroupReadController {
  constructor(
    @Inject(GroupView) private readonly view: GroupView,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(SearchTurns) private readonly turns: SearchTurns,
    @Inject(CONFIG) private readonly config: AttributionConfig,
  ) {}

  @Get('fhir/Group/:id')
  read(@Param('id') id: string, @Req() request: SmartRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.inTurn(request, reply, () => this.answer(id, undefined, request, reply));
  }

  /** Only the version that the client sees now is one: ADR 0054. https://hl7.org/fhir/R4/http.html#vread */
  @Get('fhir/Group/:id/_history/:vid')
  vread(
    @Param('id') id: string,
    @Param('vid') vid: string,
    @Req() request: SmartRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.inTurn(request, reply, () => this.answer(id, vid, request, reply));
  }

  /** https://hl7.org/fhir/R4/http.html#history */
  @Get('fhir/Group/:id/_history')
  history(@Param('id') id: string, @Req() request: SmartRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.inTurn(request, reply, () => this.answerHistory(id, request, reply));
  }

  /** A Group has as many decisions as members, so it waits in turn as a search does (ADR 0055). */
  private inTurn({ smart }: SmartRequest, reply: FastifyReply, answer: () => Promise<void>): Promise<void> {
    return this.turns.take(smart.client, reply.raw, answer);
  }

  private async answerHistory(id: string, request: SmartRequest, reply: FastifyReply): Promise<void> {
    const { own, format } = this.asked(request);
    const query = readHistoryQuery(own);
    const { client } = request.smart;
    const { resource, lastUpdated, members } = await this.visible(client, id, false);
    const isIn = (query.since === undefined || lastUpdated >= query.since) && holds(query, { lastUpdated });
    await this.release(client, id, isIn ? members : undefined);
    const url = `Group/${id}`;
    const fullUrl = `${this.config.publicUrl}/fhir/${url}`;
    const entry = { fullUrl, url, versionId: lastUpdated, lastModified: instant(lastUpdated) };
    void reply.headers({ 'cache-control': 'no-store', 'content-type': FHIR_JSON }).send(
      historyBundle({
        selfUrl: urlWith(`${fullUrl}/_history`, linkedQuery(queryOf(query), format)),
        total: isIn ? 1 : 0,
        entries: isIn ? [{ ...entry, line: JSON.stringify(resource) }] : [],
      }),
    );
  }

  /** `vid`: the version that the client asks for; undefined for the current one. */
  private async answer(id: string, vid: string | undefined, request: SmartRequest, reply: FastifyReply): Promise<void> {
    const shape = readGroupShape(this.asked(request).own, `${this.config.publicUrl}/fhir`);
    const { client } = request.smart;
    const visible = await this.visible(client, id, !showsMembers(shape));
    const versionId = String(visible.lastUpdated);
    if (vid !== undefined && vid !== versionId) return this.refuse(client, 'unknown-resource');
    const validators = {
      'cache-control': 'no-store',
      etag: etagOf({ tag: versionId }),
      'last-modified': new Date(visible.lastUpdated).toUTCString(),
    };
    // Access was decided as for an answer with the Group. If-Modified-Since does not count: its seconds cannot tell a
    // Group from the one before a change in the same second, such as an opt-out.
    const unchanged = isNotModified(request.headers, { tag: versionId }, 'not-match');
    await this.release(client, id, unchanged ? undefined : visible.members);
    if (unchanged) return void reply.code(304).headers(validators).send();
    void reply
      .headers({ ...validators, 'content-type': FHIR_JSON })
      .send(JSON.stringify(shaped(visible.resource, shape)));
  }

  /** The parameters of a request that may ask for a Group. @throws Refusal */
  private asked({ smart, url, headers }: SmartRequest): ReturnType<typeof readGeneral> {
    requireScope(smart.scopes, 'Group', 'r');
    return readGeneral(headers.accept, new URL(url, 'http://localhost').searchParams);
  }

  /** @throws Refusal: one answer for every denial; FactsStale */
  private async visible(client: string, id: string, summary: boolean): Promise<VisibleGroup> {
    const group = await this.view.one(client, id);
    if ('denied' in group) return this.refuse(client, group.denied);
    return this.view.render(client, group, summary).catch(async (error: unknown) => {
      if (error instanceof Refusal)
        await this.audit.refuse({ client, action: 'group-read', reason: error.kind, types: ['Group'] });
      throw error;
    });
  }

  private async refuse(client: string, reason: RefusalReason): Promise<never> {
    await this.audit.refuse({ client, action: 'group-read', reason, types: ['Group'] });
    throw unknownResource();
  }

  /** `members`: undefined if the Group itself did not leave. */
  private release(client: string, group: string, members: readonly string[] | undefined): Promise<void> {
    const given = members === undefined ? { members: [], resources: 0 } : membersOf(countedBy(members));
    return this.audit.release({
      client,
      action: 'group-read',
      resources: members === undefined ? 0 : 1,
      ...given,
      types: ['Group'],
      group,
    });
  }
}

const FHIR_JSON = 'application/fhir+json; charset=utf-8';

/** As in a search; any other parameter is refused. */
function readGroupShape(parameters: URLSearchParams, base: string): Subset {
  for (const name of parameters.keys())
    if (!SHAPES.includes(name)) throw unknownParameter('A read of a Group', name, SHAPES);
  return readShape('Group', parameters, base);
}
