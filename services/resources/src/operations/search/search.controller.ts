import { Controller, Get, HttpCode, Inject, Param, Post, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Refusal } from '@provider-access/kernel';
import { isLenient, linkedQuery, readGeneral, urlWith } from '@provider-access/service/http';
import { requireScope, SmartGuard, type SmartRequest } from '@provider-access/smart';
import { parametersOf, servedType } from '../fhir-request.ts';
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
    requireScope(request.smart.scopes, type, 's');
    return this.searches.answer(request, this.understand(request, type, parameters, posted), reply);
  }

  /** Parses the request or its page link. The query is normalised, so that equal searches have equal links. */
  private understand(
    { headers, smart: { client } }: SmartRequest,
    type: string,
    given: URLSearchParams,
    posted: boolean,
  ): AskedSearch {
    const url = `${this.searches.base}/${type}`;
    const link = given.get(PAGE);
    if (link === null) {
      const { own, format } = readGeneral(headers.accept, given);
      const lenient = isLenient(headers.prefer);
      const query = this.searches.parsed(type, own, lenient);
      const text = textOf(own, format, lenient);
      const self = posted
        ? this.searches.selfOfPost(client, type, text, '_search')
        : urlWith(url, linkedQuery(query.used, format));
      return { query, text, self, sealed: posted };
    }
    const token = this.links.read(link, client, type);
    const linked = new URLSearchParams(token?.query);
    const { own, format } = readGeneral(headers.accept, given, linked);
    if (token === undefined || own.size > 1)
      throw new Refusal(
        'invalid-value',
        'This page link is not valid: follow the links of a Bundle unchanged, with the client that they were given to.',
        { expression: PAGE },
      );
    const { own: first } = readGeneral(undefined, linked);
    const wasLenient = first.has(LENIENT);
    first.delete(LENIENT);
    return {
      query: this.searches.parsed(type, first, wasLenient),
      text: textOf(first, format, wasLenient),
      ...(token.after !== undefined && { after: token.after }),
      ...(token.sealed !== undefined && { sealed: token.sealed }),
      self: urlWith(url, linkedQuery(own, format)),
    };
  }
}

/** @throws Refusal if the body is no form */
function formOf({ body }: SmartRequest): URLSearchParams {
  if (body === undefined || body === null || body === '') return new URLSearchParams();
  if (body instanceof URLSearchParams) return body;
  throw new Refusal('unsupported-media-type', 'The body of a search is application/x-www-form-urlencoded.');
}

/** What a page link has of the first request, ignored parameters included: each page reports them. */
function textOf(parameters: URLSearchParams, format: string | undefined, lenient: boolean): string {
  const query = linkedQuery(parameters, format);
  if (lenient) query.append(LENIENT, '');
  return query.toString();
}
