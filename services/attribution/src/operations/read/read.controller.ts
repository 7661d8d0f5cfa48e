import { Controller, Get, Inject, Param, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Audit, countedBy, membersOf } from '@provider-access/audit';
import { Refusal, unknownResource } from '@provider-access/kernel';
import { assertJson, etagOf, matchesVersion } from '@provider-access/service/http';
import { requireScope, SmartGuard, type SmartRequest } from '@provider-access/smart';
import { CONFIG, type AttributionConfig } from '../../config.ts';
import { type GroupShape, readGroupQuery, shaped, showsMembers } from '../group-query.ts';
import { GroupView } from '../group-view.ts';

/**
 * https://hl7.org/fhir/R4/http.html#read , docs/regulation.md#groups. The list of one provider, in the form for this
 * client now.
 */
@Controller()
export class GroupReadController {
  constructor(
    @Inject(GroupView) private readonly view: GroupView,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(CONFIG) private readonly config: AttributionConfig,
  ) {}

  @Get('fhir/Group/:id')
  @UseGuards(SmartGuard)
  async read(@Param('id') id: string, @Req() request: SmartRequest, @Res() reply: FastifyReply): Promise<void> {
    const { client, scopes } = request.smart;
    requireScope(scopes, 'Group', 'r');
    const parameters = new URL(request.url, 'http://localhost').searchParams;
    assertJson(request.headers.accept, parameters.getAll('_format'));
    const shape = readShape(parameters, this.config.publicUrl);
    const refuse = (reason: string): Promise<void> =>
      this.audit.refuse({ client, action: 'group-read', reason, types: ['Group'] });
    const group = await this.view.one(client, id);
    if ('denied' in group) {
      await refuse(group.denied);
      throw unknownResource();
    }
    const visible = await this.view.render(client, group, !showsMembers(shape)).catch(async (error: unknown) => {
      if (error instanceof Refusal) await refuse(error.kind);
      throw error;
    });
    const { versionId } = visible.resource['meta'] as { readonly versionId: string };
    const validators = {
      'cache-control': 'no-store',
      etag: etagOf(versionId),
      'last-modified': new Date(visible.lastUpdated).toUTCString(),
    };
    // Access was decided as for an answer with the Group. If-Modified-Since does not count: its seconds cannot tell a
    // Group from the one before a change in the same second, such as an opt-out.
    const unchanged = matchesVersion(request.headers['if-none-match'] ?? '', versionId);
    await this.audit.release({
      client,
      action: 'group-read',
      ...(unchanged ? { members: [], resources: 0 } : { ...membersOf(countedBy(visible.members)), resources: 1 }),
      types: ['Group'],
      group: group.id,
    });
    if (unchanged) return void reply.code(304).headers(validators).send();
    void reply
      .headers({ ...validators, 'content-type': 'application/fhir+json; charset=utf-8' })
      .send(JSON.stringify(shaped(visible.resource, shape)));
  }
}

const TAKEN = ['_summary', '_elements', '_format'];

/** As in a search; any other parameter is refused. */
function readShape(parameters: URLSearchParams, publicUrl: string): GroupShape {
  for (const name of parameters.keys())
    if (!TAKEN.includes(name)) throw new Refusal('not-supported', `A read takes ${TAKEN.join(', ')} only.`);
  const shape = readGroupQuery(parameters, publicUrl);
  if (shape.summary === 'count')
    throw new Refusal('invalid-value', '_summary=count belongs to a search.', { expression: '_summary' });
  return shape;
}
