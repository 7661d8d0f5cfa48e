import { Controller, Get, HttpCode, Post, Inject, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { linkedQuery, readGeneral, urlWith } from '@provider-access/service/http';
import { requireScope, SmartGuard, type SmartRequest } from '@provider-access/smart';
import { parametersOf } from '../fhir-request.ts';
import { SearchAnswer } from '../search/search-answer.ts';
import { docrefSearch, type GivenParameter, parametersOfBody } from './parameters.ts';

const TYPE = 'DocumentReference';

/**
 * GET and POST [base]/DocumentReference/$docref: the documents of a patient. It is a search, so its next pages are
 * pages of that search. http://hl7.org/fhir/us/core/STU6.1/OperationDefinition-docref.html
 */
@Controller(`fhir/${TYPE}/$docref`)
@UseGuards(SmartGuard)
export class DocrefController {
  constructor(@Inject(SearchAnswer) private readonly searches: SearchAnswer) {}

  @Get()
  async get(@Req() request: SmartRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.answer(request, reply, []);
  }

  @Post()
  @HttpCode(200)
  async post(@Req() request: SmartRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.answer(request, reply, parametersOfBody(request.body));
  }

  private async answer(request: SmartRequest, reply: FastifyReply, body: readonly GivenParameter[]): Promise<void> {
    const { client, scopes } = request.smart;
    requireScope(scopes, TYPE, 's');
    const given = parametersOf(request.url);
    for (const [name, value] of body) given.append(name, value);
    const { own, format } = readGeneral(request.headers.accept, given);
    const parameters = docrefSearch(own);
    const { searches } = this;
    const query = searches.parsed(TYPE, parameters, false);
    const text = linkedQuery(parameters, format).toString();
    const self =
      request.method === 'POST'
        ? searches.selfOfPost(client, TYPE, text, '$docref')
        : urlWith(`${searches.base}/${TYPE}/$docref`, linkedQuery(own, format));
    return searches.answer(request, { query, text, self, sealed: request.method === 'POST' }, reply);
  }
}
