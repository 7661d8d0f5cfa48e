import { SEARCH, SERVED_TYPES } from '@provider-access/kernel/fhir';
import { FHIR, JSON_TYPE, ref, type Operation } from './operation.ts';

const GROUP = { id: 'The id of the Group, from `GET /fhir/Group`.' };
const JOB = { job: 'The id of the export, from `Content-Location`.', file: 'The name of the file, from the manifest.' };
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
const RESULT_PARAMETERS = [
  {
    name: '_include',
    description: 'Also resources that a result refers to, for example `MedicationRequest:medication`.',
  },
  { name: '_revinclude', description: 'Also resources that refer to a result: `Provenance:target`.' },
  { name: '_sort', description: 'Names of date parameters, `_lastUpdated` or `_id`; `-` in front sorts downwards.' },
  { name: '_count', description: 'Results of a page, at most 200. Zero only counts.' },
  { name: '_total', description: '`accurate` counts all results; `none` leaves the total out.' },
  { name: '_summary', description: '`true`, `text`, `data`, `count` or `false`.' },
  { name: '_elements', description: 'Names of elements, separated by commas: the others are left out.' },
];
/** Of every interaction: https://hl7.org/fhir/R4/http.html#parameters */
const GENERAL = [
  { name: '_format', description: 'JSON only. It wins before `Accept`.' },
  { name: '_pretty', description: '`true` on the URL indents an answer of at most 512 KiB.' },
];
const SEARCHED = [...PARAMETERS_OF_TYPES, ...RESULT_PARAMETERS, ...GENERAL];
const LENIENT = {
  name: 'Prefer',
  description: '`handling=lenient` leaves out parameters that are not declared, and reports them in the Bundle.',
};
const groupSearch = [
  ...SEARCH['Group']!.parameters.map(({ name, documentation }) => ({ name, description: `${documentation}.` })),
  ...RESULT_PARAMETERS.filter(({ name }) => !name.endsWith('include')),
  ...GENERAL,
];
const SHAPE = [...RESULT_PARAMETERS.filter(({ name }) => ['_summary', '_elements'].includes(name)), ...GENERAL];
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
const SEARCH_ANSWER = { description: 'A searchset.', type: FHIR, schema: ref('Bundle') };
const SEARCH_REFUSALS = [
  'invalid-request',
  'invalid-value',
  'required',
  'not-supported',
  'not-found',
  'not-acceptable',
  'too-costly',
  'over-budget',
  'too-many-requests',
] as const;
const DOCREF = {
  tag: 'Reads and searches',
  description:
    'The operation `$docref` of US Core. It finds what a search on DocumentReference finds. `start` and `end` mean ' +
    'the time of care, `context.period`. Without both, current documents are found. No document is made on demand.',
  answer: { description: 'A searchset of DocumentReferences.', type: FHIR, schema: ref('Bundle') },
  refusals: SEARCH_REFUSALS.filter((kind) => kind !== 'not-found'),
} as const;
const KICK_OFF_PARAMETERS = [
  { name: '_type', description: 'Resource types, separated by commas. Default: all that the scopes cover.' },
  { name: '_since', description: 'Only what changed since this instant: `transactionTime` of the export before.' },
  { name: '_outputFormat', description: 'Only `application/fhir+ndjson`.' },
  { name: 'allowPartialManifests', description: 'Accepted. The manifest is always complete.' },
  ...GENERAL,
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

const HISTORY_PARAMETERS = [
  { name: '_count', description: 'Entries of a page: 50 by default, 200 at most.' },
  { name: '_since', description: 'Only versions that were recorded at or after this instant.' },
  { name: '_at', description: 'Only versions that were current at some moment of this date or instant.' },
  ...GENERAL,
];
const RESOURCE = { type: `One of ${SERVED_TYPES.join(', ')}.`, id: 'The id of the resource.' };
const CONDITIONS = [
  { name: 'If-None-Match', description: '`ETag` of the copy that the app has.' },
  { name: 'If-Modified-Since', description: '`Last-Modified` of the copy. Without effect beside `If-None-Match`.' },
];
const VALIDATORS = { ETag: 'The version, as `W/"3"`.', 'Last-Modified': 'When the platform accepted the version.' };
const NOT_MODIFIED = { 304: 'The copy of the app is current. The answer has no body.' };

export const FHIR_OPERATIONS: Readonly<Record<string, Operation>> = {
  'GET /fhir/metadata': {
    tag: 'Reads and searches',
    summary: 'Get the CapabilityStatement',
    query: GENERAL,
    answer: { description: 'What this server offers.', type: FHIR, schema: ref('Resource') },
    refusals: ['not-acceptable'],
  },
  'GET /fhir/{type}': {
    tag: 'Reads and searches',
    summary: 'Search resources of a type',
    description:
      'Needs `patient` or `_id`, except for Patient, types of the directory, and parameters that a guide defines by ' +
      'themselves. Members whom the app may not see are left out, as if they did not exist. The link `next` of the ' +
      'Bundle leads to the next page. `/fhir/metadata` says which type has which parameter.',
    parameters: { type: `One of ${SERVED_TYPES.join(', ')}.` },
    query: SEARCHED,
    headers: [LENIENT],
    answer: SEARCH_ANSWER,
    refusals: [...SEARCH_REFUSALS],
  },
  'POST /fhir/{type}/_search': {
    tag: 'Reads and searches',
    summary: 'Search resources of a type, with the parameters in the body',
    description:
      'The same search as by GET. Names and identifiers of people stay out of URLs, and the links of the Bundle show ' +
      'none of them.',
    parameters: { type: `One of ${SERVED_TYPES.join(', ')}.` },
    headers: [LENIENT],
    body: {
      content: { 'application/x-www-form-urlencoded': { schema: { type: 'object' }, example: { family: 'Garcia' } } },
    },
    answer: SEARCH_ANSWER,
    refusals: [...SEARCH_REFUSALS, 'unsupported-media-type'],
  },
  'GET /fhir/DocumentReference/$docref': {
    ...DOCREF,
    summary: 'Find the documents of a patient',
    query: [
      { name: 'patient', description: 'The id of the Patient. Required.' },
      { name: 'start', description: 'Care that went on at or after this time.' },
      { name: 'end', description: 'Care that went on at or before this time.' },
      { name: 'type', description: 'Type of the document, `system|code`. Repeated: any of them.' },
      { name: 'on-demand', description: '`true` finds nothing, because no document is made on demand.' },
      { name: 'profile', description: 'A profile that the DocumentReference declares. Repeated: any of them.' },
      { name: '_count', description: 'Results of a page, at most 200.' },
      ...GENERAL,
    ],
  },
  'POST /fhir/DocumentReference/$docref': {
    ...DOCREF,
    summary: 'Find the documents of a patient, with the parameters in the body',
    body: {
      content: {
        [FHIR]: {
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
    },
    refusals: [...DOCREF.refusals, 'unsupported-media-type'],
  },
  'GET /fhir/Binary/{id}': {
    tag: 'Reads and searches',
    description:
      'The URL is in `Attachment.url` of a resource. The app needs the scope to read that resource, and may see the ' +
      'content as long as it may see a version that refers to it.',
    parameters: { id: 'The id of the Binary.' },
    query: [{ name: '_format', description: '`json` gives a Binary resource.' }],
    answer: {
      description: 'The bytes, with the `contentType` of the attachment.',
      type: '*/*',
      schema: { type: 'string', format: 'binary' },
      headers: { ETag: 'The content of an id never changes.', 'Accept-Ranges': '`bytes`' },
    },
    summary: 'Get the content of a large attachment',
    headers: [
      { name: 'Accept', description: '`application/fhir+json` gives a Binary resource, with the content in base64.' },
      { name: 'Range', description: 'One range of bytes, for example `bytes=1000-`.' },
      { name: 'If-Range', description: '`ETag` of the part that the app has.' },
      CONDITIONS[0]!,
    ],
    also: { 206: 'The range.', ...NOT_MODIFIED },
    refusals: ['not-found', 'not-acceptable', 'range-not-satisfiable'],
  },
  'GET /fhir/{type}/{id}': {
    tag: 'Reads and searches',
    summary: 'Read a resource',
    description:
      'A resource of a member whom the app may not see is answered as if nobody had it. A resource that the payer ' +
      'removed is 410, if the app may see the member.',
    parameters: RESOURCE,
    query: SHAPE,
    headers: CONDITIONS,
    answer: { description: 'The resource.', type: FHIR, schema: ref('Resource'), headers: VALIDATORS },
    also: NOT_MODIFIED,
    refusals: ['invalid-request', 'invalid-value', 'not-supported', 'not-found', 'gone', 'not-acceptable'],
  },
  'GET /fhir/{type}/{id}/_history': {
    tag: 'Reads and searches',
    summary: 'List the versions of a resource, newest first',
    description:
      'Versions stay readable for 400 days after they were replaced, or as long as the payer configured. They pass ' +
      "today's rules: what is redacted or withheld today is so in old versions. A removal is an entry with `DELETE`.",
    parameters: RESOURCE,
    query: [
      ...HISTORY_PARAMETERS,
      { name: '_page', description: 'The next page. Follow the link `next` of the Bundle.' },
    ],
    answer: { description: 'A Bundle of type `history`.', type: FHIR, schema: ref('Bundle') },
    refusals: ['invalid-value', 'not-supported', 'not-found', 'not-acceptable', 'too-many-requests'],
  },
  'GET /fhir/{type}/{id}/_history/{vid}': {
    tag: 'Reads and searches',
    summary: 'Read one version of a resource',
    parameters: { ...RESOURCE, vid: 'The version, from `meta.versionId` or `ETag`.' },
    query: SHAPE,
    headers: CONDITIONS,
    answer: { description: 'The version.', type: FHIR, schema: ref('Resource'), headers: VALIDATORS },
    also: NOT_MODIFIED,
    refusals: ['invalid-request', 'invalid-value', 'not-supported', 'not-found', 'gone', 'not-acceptable'],
  },
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
