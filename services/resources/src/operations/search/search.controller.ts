import { Controller, Get, HttpCode, Inject, Param, Post, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Refusal } from '@provider-access/kernel';
import { requireScope, SmartGuard, type SmartRequest } from '@provider-access/smart';
import { acceptsJson, parametersOf, servedType } from '../fhir-request.ts';
import { PageLinks } from './page-links.ts';
import { type AskedSearch, LENIENT, PAGE, SearchAnswer } from './search-answer.ts';

/** Searches by GET and by POST. https://hl7.org/fhir/R4/http.html#search */
@Controller('fhir')
@UseGuards(SmartGuard)
export class SearchController {
  constructor(
    @Inject(SearchAnswer) private readonly searches: SearchAnswer,
    @Inject(PageLinks) private readonly links: PageLinks,
  ) {}

  @Get(':type')
  search(@Param('type') type: string, @Req() request: SmartRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.answer(type, request, parametersOf(request.url), reply);
  }

  /** Parameters in the body, in the URL, or in both. */
  @Post(':type/_search')
  @HttpCode(200)
  searchByPost(@Param('type') type: string, @Req() request: SmartRequest, @Res() reply: FastifyReply): Promise<void> {
    const parameters = parametersOf(request.url);
    for (const [name, value] of formOf(request)) parameters.append(name, value);
    return this.answer(type, request, parameters, reply, true);
  }

  private async answer(
    type: string,
    request: SmartRequest,
    parameters: URLSearchParams,
    reply: FastifyReply,
    posted = false,
  ): Promise<void> {
    servedType(type);
    const { client, scopes } = request.smart;
    requireScope(scopes, type, 's');
    acceptsJson(request.headers.accept, parameters.getAll('_format'));
    return this.searches.answer(request, this.understand(request, client, type, parameters, posted), reply);
  }

  /** Parses the request or its page link. The query is normalised, so that equal searches have equal links. */
  private understand(
    request: SmartRequest,
    client: string,
    type: string,
    asked: URLSearchParams,
    posted: boolean,
  ): AskedSearch {
    const lenient = /(?:^|[,;\s])handling\s*=\s*lenient\b/i.test(String(request.headers.prefer ?? ''));
    const link = asked.get(PAGE);
    if (link === null) {
      const query = this.searches.parsed(type, asked, lenient);
      const text = normalised(asked, lenient);
      const url = `${this.searches.base}/${type}`;
      // The parameters of a POST stay out of URLs, because they may name a person.
      const self = posted ? this.searches.linkTo(client, type, text) : text === '' ? url : `${url}?${text}`;
      return { query, text, self };
    }
    const token = asked.size === 1 ? this.links.read(link, client, type) : undefined;
    if (token === undefined)
      throw new Refusal(
        'invalid-value',
        'This page link is not valid: follow the links of a Bundle unchanged, with the client that they were given to.',
        { expression: PAGE },
      );
    const given = new URLSearchParams(token.query);
    const wasLenient = given.get(LENIENT) !== null;
    given.delete(LENIENT);
    return {
      query: this.searches.parsed(type, given, wasLenient),
      text: token.query,
      ...(token.after !== undefined && { after: token.after }),
      self: `${this.searches.base}/${type}?${PAGE}=${link}`,
    };
  }
}

/** @throws Refusal if the body is no form */
function formOf({ body }: SmartRequest): URLSearchParams {
  if (body === undefined || body === null || body === '') return new URLSearchParams();
  if (body instanceof URLSearchParams) return body;
  throw new Refusal('unsupported-media-type', 'The body of a search is application/x-www-form-urlencoded.');
}

/** Sorts parameters by name. Values of the same name keep their order. */
function normalised(parameters: URLSearchParams, lenient: boolean): string {
  const copy = new URLSearchParams(parameters);
  copy.sort();
  if (lenient) copy.append(LENIENT, '');
  return copy.toString();
}
