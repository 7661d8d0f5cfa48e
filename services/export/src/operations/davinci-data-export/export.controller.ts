import { All, Body, Controller, Inject, Param, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { operationOutcome } from '@provider-access/kernel/fhir';
import { Refusal } from '@provider-access/kernel';
import { allows } from '@provider-access/domain/smart';
import { readGeneral } from '@provider-access/service/http';
import { SmartGuard, type SmartRequest } from '@provider-access/smart';
import { readParametersResource, type GivenParameter, type Operation } from '../../domain/request/parameters.ts';
import { givenOf, KickOffs } from './kick-off.ts';
import { OwnGroups } from './own-groups.ts';

/** GET and POST /fhir/Group/{id}/$export and $davinci-data-export. */
@Controller('fhir/Group')
@UseGuards(SmartGuard)
export class ExportController {
  constructor(
    @Inject(OwnGroups) private readonly groups: OwnGroups,
    @Inject(KickOffs) private readonly kickOffs: KickOffs,
  ) {}

  @All(':id/$export')
  groupExport(
    @Param('id') id: string,
    @Req() request: SmartRequest,
    @Body() body: unknown,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.accept('$export', id, request, body, reply);
  }
  @All(':id/$davinci-data-export')
  davinciDataExport(
    @Param('id') id: string,
    @Req() request: SmartRequest,
    @Body() body: unknown,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.accept('$davinci-data-export', id, request, body, reply);
  }

  private async accept(
    operation: Operation,
    group: string,
    request: SmartRequest,
    body: unknown,
    reply: FastifyReply,
  ): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'POST')
      throw new Refusal('method-not-allowed', `Use GET or POST for ${operation}.`, {
        headers: { allow: 'GET, POST' },
      });
    const { own } = readGeneral(request.headers.accept, new URL(request.url, 'http://localhost').searchParams);
    const prefer = request.headers['prefer'];
    const kickOff = {
      operation,
      group,
      url: request.url,
      query: [...own].map(([name, value]) => ({ name, value })),
      body: request.method === 'POST' ? bodyOf(body) : [],
      prefer: Array.isArray(prefer) ? prefer.join(',') : prefer,
      smart: request.smart,
    };
    if (!allows(request.smart.scopes, 'Group', 'r'))
      throw new Refusal(
        'insufficient-scope',
        'An export needs the scope system/Group.rs, and a scope for each type that it exports.',
      );
    await this.groups.assertOwn(request.smart.client, group, givenOf(kickOff));
    const accepted = await this.kickOffs.start(kickOff);
    await reply
      .code(202)
      .headers({
        'content-location': accepted.location,
        'preference-applied': accepted.preferencesApplied,
        'content-type': 'application/fhir+json; charset=utf-8',
        'cache-control': 'no-store',
      })
      .send(
        JSON.stringify(
          operationOutcome(
            'information',
            'informational',
            'The export was accepted. Content-Location has the URL of its status.',
          ),
        ),
      );
  }
}

function bodyOf(body: unknown): readonly GivenParameter[] {
  if (body === undefined || body === null || body === '') return [];
  const given = readParametersResource(body);
  if (given === undefined) throw new Refusal('invalid-request', 'The body must be a Parameters resource.');
  return given;
}
