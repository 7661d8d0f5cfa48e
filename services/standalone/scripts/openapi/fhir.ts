import { SEARCH } from '@provider-access/kernel/fhir';
import { FHIR_TYPE as FHIR, JSON_TYPE } from '@provider-access/service/http';
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
const JOB = { job: 'The id of the export, from `Content-Location`.', file: 'The name of the file, from the manifest.' };
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
const KICK_OFF_PARAMETERS = [
  { name: '_type', description: 'Resource types, separated by commas. Default: all that the scopes cover.' },
  { name: '_since', description: 'Only what changed since this instant: `transactionTime` of the export before.' },
  { name: '_outputFormat', description: 'Only `application/fhir+ndjson`.' },
  { name: 'allowPartialManifests', description: 'Accepted. The manifest is always complete.' },
  ...GENERAL_PARAMETERS,
];
const EXPORT_TYPE = {
  name: 'exportType',
  description: 'What kind of export it is, for example `hl7.fhir.us.davinci-pdex#provider-download`.',
};
const RESOURCE_TYPES = { name: 'resourceTypes', description: 'Another name of `_type`. Give only one of them.' };
const PARAMETERS = {
  resourceType: 'Parameters',
  parameter: [{ name: '_since', valueInstant: '2027-01-04T12:00:00Z' }],
};
const kickOff = (operation: string, method: 'get' | 'post', more: readonly (typeof EXPORT_TYPE)[] = []): Operation => ({
  tag: 'Groups and exports',
  summary: `Start an export of a Group with ${operation}${method === 'get' ? ', by GET' : ''}`,
  description:
    'Bulk Data kick-off. Poll the URL in `Content-Location` until it answers 200. Each accepted request starts a new ' +
    'export.',
  parameters: GROUP,
  query: [...KICK_OFF_PARAMETERS, ...more],
  headers: [
    { name: 'Prefer', description: '`respond-async`; `handling=lenient` ignores parameters that cannot be applied.' },
  ],
  ...(method === 'post' && {
    body: { content: { [FHIR]: { schema: { type: 'object' }, example: PARAMETERS } } },
  }),
  answer: {
    status: 202,
    description: 'The export runs.',
    type: FHIR,
    schema: ref('OperationOutcome'),
    headers: { 'Content-Location': 'The URL of its status.' },
  },
  refusals: [
    'invalid-request',
    'invalid-value',
    'required',
    'not-supported',
    'not-found',
    'method-not-allowed',
    'not-acceptable',
    'too-many-requests',
  ],
});

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
  'GET /fhir/Group/{id}/$export': kickOff('$export', 'get'),
  'POST /fhir/Group/{id}/$export': kickOff('$export', 'post'),
  'GET /fhir/Group/{id}/$davinci-data-export': kickOff('$davinci-data-export', 'get', [EXPORT_TYPE, RESOURCE_TYPES]),
  'POST /fhir/Group/{id}/$davinci-data-export': kickOff('$davinci-data-export', 'post', [EXPORT_TYPE, RESOURCE_TYPES]),
  'GET /fhir/bulk': {
    tag: 'Groups and exports',
    summary: 'List the own exports of the app',
    description:
      'The newest 100 exports that a status request would answer, newest first. Bulk Data has no such request. An ' +
      'app that lost the URL of an export finds it here, and deletes what it no longer needs.',
    answer: { description: 'The exports.', type: JSON_TYPE, schema: ref('Exports') },
    refusals: ['too-many-requests'],
  },
  'GET /fhir/bulk/{job}': {
    tag: 'Groups and exports',
    summary: 'Ask whether an export is done',
    parameters: JOB,
    answer: {
      description: 'The manifest: the files, and what this app may see now.',
      type: JSON_TYPE,
      schema: ref('Manifest'),
    },
    also: { 202: 'The export runs. `X-Progress` says how far, `Retry-After` when to ask again.' },
    refusals: ['not-found', 'too-many-requests', 'storage-full'],
  },
  'DELETE /fhir/bulk/{job}': {
    tag: 'Groups and exports',
    summary: 'Cancel an export, or delete its files',
    parameters: JOB,
    answer: {
      status: 202,
      description: 'The export and its files are deleted.',
      type: FHIR,
      schema: ref('OperationOutcome'),
    },
    refusals: ['not-found'],
  },
  'GET /fhir/bulk/{job}/{file}': {
    tag: 'Groups and exports',
    summary: 'Download a file of an export',
    description:
      'NDJSON, with gzip if the request accepts it. The server decides again about every member of the file: who ' +
      'opted out since is left out. `Range` resumes a download.',
    parameters: JOB,
    headers: [{ name: 'Range', description: '`bytes=…` of a download that broke off.' }],
    answer: { description: 'The file.', type: 'application/fhir+ndjson', schema: { type: 'string' } },
    also: { 206: 'The bytes that were asked for.' },
    refusals: ['not-found', 'range-not-satisfiable'],
  },
};
