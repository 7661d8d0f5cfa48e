import { Controller, Inject } from '@nestjs/common';
import { FHIR_TYPE, linkedQuery, urlWith } from '@provider-access/service/http';
import {
  type Asked,
  type Audited,
  GENERAL_PARAMETERS,
  type InTurn,
  operation,
  Operation,
  ref,
} from '@provider-access/service/operation';
import { SEARCH_REFUSALS, SearchAnswer } from '../search/search-answer.ts';
import { docrefSearch, parametersOfBody } from './parameters.ts';

/**
 * The documents of a patient. It is a search, so its next pages are pages of that search.
 * http://hl7.org/fhir/us/core/STU6.1/OperationDefinition-docref.html
 */
const COMMON = {
  callers: 'app',
  scope: 's',
  restricted: true,
  audit: 'search',
  capability: {
    name: 'docref',
    definition: 'http://hl7.org/fhir/us/core/OperationDefinition/docref',
    documentation:
      'The documents that the payer has, of any of the types and profiles that are asked for. No document is made ' +
      'on demand. Without start and end, current documents of any type.',
  },
  tag: 'Reads and searches',
  description:
    'The operation `$docref` of US Core. It finds what a search on DocumentReference finds. `start` and `end` mean ' +
    'the time of care, `context.period`. Without both, current documents are found. No document is made on demand.',
  answer: { description: 'A searchset of DocumentReferences.', type: FHIR_TYPE, schema: ref('Bundle') },
} as const;
const REFUSALS = SEARCH_REFUSALS.filter((kind) => kind !== 'not-found');
const DOCREF = operation({
  ...COMMON,
  route: 'GET /fhir/DocumentReference/$docref',
  summary: 'Find the documents of a patient',
  query: {
    parameters: [
      { name: 'patient', description: 'The id of the Patient. Required.' },
      { name: 'start', description: 'Care that went on at or after this time.' },
      { name: 'end', description: 'Care that went on at or before this time.' },
      { name: 'type', description: 'Type of the document, `system|code`. Repeated: any of them.' },
      { name: 'on-demand', description: '`true` finds nothing, because no document is made on demand.' },
      { name: 'profile', description: 'A profile that the DocumentReference declares. Repeated: any of them.' },
      { name: '_count', description: 'Results of a page, at most 200.' },
      ...GENERAL_PARAMETERS,
    ],
    read: readDocref,
  },
  refusals: REFUSALS,
});
const DOCREF_BY_POST = operation({
  ...COMMON,
  route: 'POST /fhir/DocumentReference/$docref',
  summary: 'Find the documents of a patient, with the parameters in the body',
  query: { parameters: [], read: readDocref },
  body: {
    content: {
      [FHIR_TYPE]: {
        schema: { type: 'object' },
        example: {
          resourceType: 'Parameters',
          parameter: [
            { name: 'patient', valueId: 'm1' },
            { name: 'start', valueDateTime: '2027-01-01T00:00:00Z' },
          ],
        },
      },
    },
    parameters: ({ body }) => parametersOfBody(body),
  },
  refusals: [...REFUSALS, 'unsupported-media-type'],
});

@Controller()
export class DocrefController {
  constructor(@Inject(SearchAnswer) private readonly searches: SearchAnswer) {}

  @Operation(DOCREF)
  get(asked: Asked<typeof DOCREF>): InTurn<Audited> {
    const self = urlWith(`${asked.base}/${asked.type}/$docref`, linkedQuery(asked.query.own, asked.format));
    return this.answer(asked, false, self);
  }

  @Operation(DOCREF_BY_POST)
  post(asked: Asked<typeof DOCREF_BY_POST>): InTurn<Audited> {
    return this.answer(asked, true);
  }

  private answer(asked: Asked<typeof DOCREF>, sealed: boolean, link?: string): InTurn<Audited> {
    const { client, type, format } = asked;
    const { search } = asked.query;
    const text = linkedQuery(search, format).toString();
    const self = link ?? this.searches.selfOfPost(client, type, text, '$docref');
    return this.searches.answer(asked, { query: this.searches.parsed(type, search, false), text, self, sealed });
  }
}

/** The parameters as they were given, and the search that they mean. */
function readDocref(own: URLSearchParams): { readonly own: URLSearchParams; readonly search: URLSearchParams } {
  return { own, search: docrefSearch(own) };
}
