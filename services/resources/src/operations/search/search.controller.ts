import { Controller, Inject } from '@nestjs/common';
import { Refusal } from '@provider-access/kernel';
import { SEARCH, SERVED_TYPES } from '@provider-access/fhir';
import { FHIR_TYPE, isLenient, linkedQuery, readGeneral, urlWith } from '@provider-access/service/http';
import {
  type Asked,
  type Audited,
  GENERAL_PARAMETERS,
  type InTurn,
  LENIENT as PREFER,
  operation,
  Operation,
  ref,
  RESULT_PARAMETERS,
} from '@provider-access/service/operation';
import { invalidLink, PAGE, PageLinks } from './page-links.ts';
import { type AskedSearch, LENIENT, SEARCH_REFUSALS, SearchAnswer } from './search-answer.ts';

/** Parameters of a search, as the CapabilityStatement has them. A parameter of few types names them. */
const PARAMETERS_OF_TYPES = Object.entries(
  Object.groupBy(
    SERVED_TYPES.flatMap((type) => SEARCH[type]!.parameters.map((parameter) => ({ type, ...parameter }))),
    ({ name }) => name,
  ),
).map(([name, rows = []]) => ({
  name,
  description:
    rows.length > SERVED_TYPES.length / 2 || name.startsWith('_')
      ? `${rows[0]!.documentation}.`
      : `Of ${rows.map(({ type }) => type).join(', ')}.`,
}));
/** https://hl7.org/fhir/R4/http.html#search */
const COMMON = {
  callers: 'app',
  scope: 's',
  restricted: true,
  audit: 'search',
  interaction: 'search-type',
  tag: 'Reads and searches',
  parameters: { type: `One of ${SERVED_TYPES.join(', ')}.` },
  headers: [PREFER],
  answer: { description: 'A searchset.', type: FHIR_TYPE, schema: ref('Bundle') },
} as const;
const SEARCH_TYPE = operation({
  ...COMMON,
  route: 'GET /fhir/{type}',
  summary: 'Search resources of a type',
  description:
    'Needs `patient` or `_id`, except for Patient, types of the directory, and parameters that a guide defines by ' +
    'themselves. Members whom the app may not see are left out, as if they did not exist. The link `next` of the ' +
    'Bundle leads to the next page. `/fhir/metadata` says which type has which parameter.',
  query: { parameters: [...PARAMETERS_OF_TYPES, ...RESULT_PARAMETERS, ...GENERAL_PARAMETERS] },
  refusals: SEARCH_REFUSALS,
});
const SEARCH_BY_POST = operation({
  ...COMMON,
  route: 'POST /fhir/{type}/_search',
  summary: 'Search resources of a type, with the parameters in the body',
  description:
    'The same search as by GET. Names and identifiers of people stay out of URLs, and the links of the Bundle show ' +
    'none of them.',
  body: {
    content: { 'application/x-www-form-urlencoded': { schema: { type: 'object' }, example: { family: 'Garcia' } } },
    parameters: readForm,
  },
  refusals: [...SEARCH_REFUSALS, 'unsupported-media-type'],
});

@Controller()
export class SearchController {
  constructor(
    @Inject(SearchAnswer) private readonly searches: SearchAnswer,
    @Inject(PageLinks) private readonly links: PageLinks,
  ) {}

  @Operation(SEARCH_TYPE)
  search(asked: Asked<typeof SEARCH_TYPE>): InTurn<Audited> {
    return this.searches.answer(asked, this.understand(asked, false));
  }

  /** Parameters in the body, in the URL, or in both. */
  @Operation(SEARCH_BY_POST)
  searchByPost(asked: Asked<typeof SEARCH_BY_POST>): InTurn<Audited> {
    return this.searches.answer(asked, this.understand(asked, true));
  }

  /** Parses the request or its page link. The query is normalised, so that equal searches have equal links. */
  private understand(
    { request: { headers }, client, type, given }: Asked<typeof SEARCH_TYPE>,
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
    if (token === undefined || own.size > 1) throw invalidLink();
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
export function readForm({ body }: { readonly body: unknown }): URLSearchParams {
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
