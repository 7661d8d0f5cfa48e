import { Controller, Get, HttpCode, Post, Inject, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { requireScope, SmartGuard, type SmartRequest } from '@provider-access/smart';
import { acceptsJson, parametersOf } from '../fhir-request.ts';
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
    const onUrl = parametersOf(request.url);
    acceptsJson(request.headers.accept, onUrl.getAll('_format'));
    const parameters = docrefSearch([...onUrl, ...body]);
    const { searches } = this;
    const query = searches.parsed(TYPE, parameters, false);
    const text = parameters.toString();
    // The parameters of a POST stay out of URLs.
    const self =
      request.method === 'POST'
        ? searches.linkTo(client, TYPE, text)
        : `${searches.base}/${TYPE}/$docref?${onUrl.toString()}`;
    return searches.answer(request, { query, text, self }, reply);
  }
}
