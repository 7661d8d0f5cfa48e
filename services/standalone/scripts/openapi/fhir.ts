import { SEARCH } from '@provider-access/kernel/fhir';
import { FHIR_TYPE as FHIR } from '@provider-access/service/http';
import {
  GENERAL_PARAMETERS,
  HISTORY_PARAMETERS,
  LENIENT,
  ref,
  RESULT_PARAMETERS,
  SHAPE as SHAPED,
} from '@provider-access/service/operation';
import type { Operation } from './operation.ts';

const GROUP = { id: 'The id of the Group, from `GET /fhir/Group`.' };
const groupSearch = [
  ...SEARCH['Group']!.parameters.map(({ name, documentation }) => ({ name, description: `${documentation}.` })),
  ...RESULT_PARAMETERS.filter(({ name }) => !name.endsWith('include')),
  ...GENERAL_PARAMETERS,
];
const SHAPE = SHAPED.parameters;
const GROUP_CONDITIONS = [
  { name: 'If-None-Match', description: 'The `ETag` of the Group that the app has: 304 if it is the newest.' },
];
const GROUP_SEARCH = {
  tag: 'Groups and exports',
  headers: [LENIENT],
  answer: {
    description: 'A searchset of Groups, with the members whom the app may see.',
    type: FHIR,
    schema: ref('Bundle'),
  },
} as const;
export const FHIR_OPERATIONS: Readonly<Record<string, Operation>> = {
  'GET /fhir/Group': {
    ...GROUP_SEARCH,
    summary: 'Find the Groups of the app',
    query: [...groupSearch, { name: '_page', description: 'The next page. Follow the link `next` of the Bundle.' }],
    refusals: [
      'invalid-request',
      'invalid-value',
      'not-supported',
      'not-acceptable',
      'too-costly',
      'over-budget',
      'too-many-requests',
    ],
  },
  'POST /fhir/Group/_search': {
    ...GROUP_SEARCH,
    summary: 'Find the Groups of the app, with the parameters in the body',
    description: 'The same search as by GET.',
    body: {
      content: {
        'application/x-www-form-urlencoded': { schema: { type: 'object' }, example: { identifier: '1234567893' } },
      },
    },
    refusals: [
      'invalid-request',
      'invalid-value',
      'not-supported',
      'not-acceptable',
      'too-costly',
      'over-budget',
      'too-many-requests',
      'unsupported-media-type',
    ],
  },
  'GET /fhir/Group/{id}': {
    tag: 'Groups and exports',
    summary: 'Read a Group',
    parameters: GROUP,
    query: SHAPE,
    headers: GROUP_CONDITIONS,
    answer: { description: 'The Group.', type: FHIR, schema: ref('Resource') },
    refusals: ['invalid-value', 'not-supported', 'not-found', 'too-costly', 'too-many-requests'],
  },
  'GET /fhir/Group/{id}/_history': {
    tag: 'Groups and exports',
    summary: 'Read the history of a Group',
    description:
      'The version that the app sees now, if it fits the parameters. No former version is kept, because its members ' +
      'may have opted out since.',
    parameters: GROUP,
    query: HISTORY_PARAMETERS,
    answer: { description: 'A Bundle of type `history`.', type: FHIR, schema: ref('Bundle') },
    refusals: ['invalid-value', 'not-supported', 'not-found', 'not-acceptable', 'too-costly', 'too-many-requests'],
  },
  'GET /fhir/Group/{id}/_history/{vid}': {
    tag: 'Groups and exports',
    summary: 'Read the version of a Group that the app sees now',
    parameters: { ...GROUP, vid: 'The version, from `meta.versionId` or `ETag`.' },
    query: SHAPE,
    headers: GROUP_CONDITIONS,
    answer: { description: 'The Group.', type: FHIR, schema: ref('Resource') },
    refusals: ['invalid-value', 'not-supported', 'not-found', 'not-acceptable', 'too-costly', 'too-many-requests'],
  },
};
