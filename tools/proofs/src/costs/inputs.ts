import type { Cost } from './counted-views.ts';
import { DEAD_LETTERS } from './dead-letter-inputs.ts';
import { IMPORTS } from './import-inputs.ts';
import type { Input } from './input.ts';
import { pastInputs } from './past-inputs.ts';
import { CONDITIONS, MEMBERS } from './payer.ts';
import { ENDS, FHIR_TYPE, FORM, JSON_TYPE, MATCH_OF_STRANGERS, OF_PEOPLE, UNREADABLE_MATCH } from './request-parts.ts';

/** Names that the world of the test gave. */
export interface Names {
  readonly client: string;
  readonly group: string;
  readonly job: string;
  readonly receipt: string;
}

/** The bound of an input that names none: it reads a few documents and compares nothing. */
export const MOST: Cost = { evaluations: 0, rows: 20, bytes: 10_000 };
/** A search may have so many values. */
const VALUES = 1000;

const times = (number: number, make: (i: number) => string): string =>
  Array.from({ length: number }, (_, i) => make(i)).join('&');
const list = (number: number, make: (i: number) => string): string =>
  Array.from({ length: number }, (_, i) => make(i)).join(',');
const NE = (i: number): string => `ne${1000 + i}`;
const EXPENSIVE = VALUES - 10;
const IDS = Array.from({ length: 1000 }, (_, i) => `nobody-${i}`);
const ENTRIES = IDS.slice(0, 200).map((id) => `2026-01-01T00:00:00.000Z/${id}/0`);
const INCLUDES = ['_include=*', '_include:iterate=MedicationRequest:medication'];

/** Rows that a search reads for each candidate: its id in the index, its head or its line. */
const READ = 2;
const SEARCHES: readonly (Pick<Input, 'status' | 'most'> & { readonly type: string; readonly query: string })[] = [
  // As many conditions as possible, for more candidates than the budget allows.
  {
    type: 'Condition',
    query: `patient=m0&_total=accurate&${times(EXPENSIVE, (i) => `recorded-date=${NE(i)}`)}`,
    status: 400,
    most: { evaluations: 201_000, rows: READ * CONDITIONS },
  },
  {
    type: 'Condition',
    query: `patient=m0&_total=accurate&recorded-date=${list(EXPENSIVE, NE)}`,
    status: 400,
    most: { evaluations: 201_000, rows: READ * CONDITIONS },
  },
  {
    type: 'Condition',
    query: `patient=m0&_summary=count&${times(EXPENSIVE, (i) => `_lastUpdated=${NE(i)}`)}`,
    status: 400,
    most: { evaluations: 201_000, rows: 2 * CONDITIONS },
  },
  // The same condition again.
  {
    type: 'Condition',
    query: `patient=m0&_total=accurate&${times(EXPENSIVE, () => 'recorded-date=ne2001')}`,
    most: { evaluations: CONDITIONS, rows: READ * CONDITIONS, bytes: 40_000 },
  },
  // Long lists that are looked up.
  {
    type: 'Condition',
    query: `patient=m0&_total=accurate&_count=200&code:not=${list(EXPENSIVE, (i) => `x${i}`)}`,
    most: { evaluations: CONDITIONS, rows: READ * CONDITIONS, bytes: 150_000 },
  },
  { type: 'Condition', query: `patient=m0&${times(EXPENSIVE, (i) => `code=x${i}`)}` },
  // Sorted by each date in both directions, again and again.
  {
    type: 'Condition',
    query: `patient=m0&_count=200&_sort=${list(EXPENSIVE / 2, (i) => (i % 2 === 0 ? 'recorded-date' : '-onset-date'))}`,
    most: { rows: READ * CONDITIONS + 200, bytes: 150_000 },
  },
  // Everything that a page includes, again and again.
  {
    type: 'MedicationRequest',
    query: `patient=m0&_count=200&_revinclude=Provenance:target&${times(EXPENSIVE, (i) => INCLUDES[i % 2]!)}`,
    most: { rows: 400, bytes: 60_000 },
  },
  {
    type: 'Condition',
    query: 'patient=m0&_count=200&_revinclude=Provenance:target',
    most: { evaluations: 200, rows: 1_300, bytes: 250_000 },
  },
  // Parts of resources.
  {
    type: 'Condition',
    query: `patient=m0&_count=200&_elements=${list(EXPENSIVE, () => 'code')}`,
    most: { rows: CONDITIONS, bytes: 150_000 },
  },
  // As many ids, members and parts of the directory as possible.
  { type: 'Condition', query: `_id=${list(200, (i) => `c${i}`)}&_count=200`, most: { rows: 1_000, bytes: 150_000 } },
  { type: 'Patient', query: `_id=${MEMBERS.join()}&_count=200`, most: { rows: 500, bytes: 40_000 } },
  { type: 'Coverage', query: `patient=${MEMBERS.join()}&_count=200`, most: { rows: 500, bytes: 40_000 } },
  { type: 'Coverage', query: times(EXPENSIVE, (i) => `patient.identifier=${i}`), most: { rows: 300 } },
  {
    type: 'Patient',
    query: times(EXPENSIVE, (i) => `name:contains=${i}`),
    most: { evaluations: 60 * EXPENSIVE, rows: 500 },
  },
  {
    type: 'PractitionerRole',
    query: `${times(EXPENSIVE, () => 'practitioner.name=who')}&_count=200`,
    most: { evaluations: 300, rows: 700, bytes: 60_000 },
  },
  { type: 'PractitionerRole', query: `${times(EXPENSIVE, (i) => `practitioner.name=nobody${i}`)}` },
  {
    type: 'PractitionerRole',
    query: `practitioner.name=${list(EXPENSIVE, (i) => `n${i}`)}&_count=200`,
    most: { evaluations: 100 * EXPENSIVE + 200, rows: 700, bytes: 60_000 },
  },
];

/** The most expensive inputs of each operation that its limits allow. */
export const mostExpensive = ({ client, group, job, receipt }: Names): Readonly<Record<string, readonly Input[]>> => {
  const member = 'm0';
  const groupMost = { rows: 4 * MEMBERS.length, bytes: 60_000 };
  const walk = { most: { rows: 1_500, bytes: 200_000 } };
  const groupConditions = times(EXPENSIVE, (i) => `identifier:not=x${i}`);
  const kickOff = (name: string, method?: 'POST'): readonly Input[] => [
    {
      url: `/fhir/Group/${group}/$${name}?_type=Condition&_since=2020-01-01T00:00:00Z`,
      by: 'app',
      ...(method !== undefined && { method }),
      status: 202,
      most: { rows: 30 },
    },
  ];
  const operator = (url: string, more: Partial<Input> = {}): readonly Input[] => [
    { url, by: 'administrator', ...more },
  ];
  const missing = (url: string, by: Input['by'], more: Partial<Input> = {}): readonly Input[] => [
    { url, by, status: 404, ...more },
  ];
  const listed = { most: { rows: 200, bytes: 100_000 } } as const;
  const posted = { method: 'POST', headers: JSON_TYPE, body: '{}' } as const;
  const own = { url: `/auth/register/${client}`, by: 'nobody' } as const;
  return {
    // Of callers without a token: the size of a body is limited.
    'POST /auth/register': [
      {
        url: '/auth/register',
        by: 'nobody',
        ...posted,
        body: JSON.stringify({ contacts: Array(10_000).fill('x') }),
        status: 400,
      },
    ],
    'GET /auth/register/{client}': [{ ...own, status: 401 }],
    'PUT /auth/register/{client}': [{ ...own, ...posted, method: 'PUT', status: 401 }],
    'DELETE /auth/register/{client}': [{ ...own, method: 'DELETE', status: 401 }],
    'POST /auth/token': [
      {
        url: '/auth/token',
        by: 'nobody',
        method: 'POST',
        headers: FORM,
        body: times(1_000, (i) => `p${i}=x`),
        status: 400,
      },
    ],
    'POST /auth/check-assertion': [
      {
        url: '/auth/check-assertion',
        by: 'nobody',
        method: 'POST',
        headers: FORM,
        body: times(1_000, (i) => `p${i}=x`),
        status: 401,
      },
    ],
    'POST /auth/introspect': [
      {
        url: '/auth/introspect',
        by: 'administrator',
        method: 'POST',
        headers: FORM,
        body: `token=${'x'.repeat(10_000)}`,
      },
    ],
    'GET /': [{ url: '/', by: 'nobody' }],
    'GET /notice': [{ url: '/notice?lang=es', by: 'nobody' }],
    'GET /providers': [{ url: '/providers', by: 'nobody' }],
    'GET /status': [{ url: '/status?lang=es', by: 'nobody' }],
    'GET /.well-known/smart-configuration': [{ url: '/.well-known/smart-configuration', by: 'nobody' }],
    'GET /fhir/.well-known/smart-configuration': [{ url: '/fhir/.well-known/smart-configuration', by: 'nobody' }],
    'GET /auth/jwks': [{ url: '/auth/jwks', by: 'nobody' }],
    'GET /fhir/metadata': [{ url: '/fhir/metadata', by: 'nobody', most: { bytes: 400_000 } }],
    // Of apps.
    'GET /fhir/{type}': [
      // A URL has at most 16 KiB.
      ...SEARCHES.filter(({ query }) => query.length < 14_000),
      {
        type: 'Condition',
        query: `patient=m0&_total=accurate&${times(550, (i) => `recorded-date=${NE(i)}`)}`,
        most: { evaluations: 550 * CONDITIONS, rows: READ * CONDITIONS, bytes: 60_000 },
      },
    ].map(({ type, query, ...more }) => ({ url: `/fhir/${type}?${query}`, by: 'app' as const, ...more })),
    'POST /fhir/{type}/_search': SEARCHES.map(({ type, query, ...more }) => ({
      url: `/fhir/${type}/_search`,
      by: 'app' as const,
      method: 'POST' as const,
      headers: FORM,
      body: query,
      ...more,
    })),
    'GET /fhir/DocumentReference/$docref': [
      { url: `/fhir/DocumentReference/$docref?patient=${member}&${times(900, (i) => `type=${i}`)}`, by: 'app' },
    ],
    'POST /fhir/DocumentReference/$docref': [
      {
        url: '/fhir/DocumentReference/$docref',
        by: 'app',
        method: 'POST',
        headers: FHIR_TYPE,
        body: JSON.stringify({
          resourceType: 'Parameters',
          parameter: [
            { name: 'patient', valueId: member },
            ...Array.from({ length: 900 }, (_, i) => ({ name: 'profile', valueCanonical: `urn:${i}` })),
          ],
        }),
      },
    ],
    'GET /fhir/Binary/{id}': missing('/fhir/Binary/unknown', 'app'),
    'GET /fhir/{type}/{id}': [{ url: '/fhir/Condition/c0?_summary=true', by: 'app' }],
    'GET /fhir/{type}/{id}/_history': [
      { url: '/fhir/Condition/c0/_history?_count=1000', by: 'app', most: { rows: 80, bytes: 60_000 } },
    ],
    'GET /fhir/{type}/{id}/_history/{vid}': [{ url: '/fhir/Condition/c0/_history/1', by: 'app', most: { rows: 50 } }],
    'GET /refusals': [{ url: '/refusals', by: 'app', most: { rows: 40 } }],
    'GET /fhir/Group': [
      {
        url: `/fhir/Group?${times(500, (i) => `identifier:not=x${i}`)}`,
        by: 'app',
        most: { ...groupMost, evaluations: 500 },
      },
    ],
    'POST /fhir/Group/_search': [
      {
        url: '/fhir/Group/_search',
        by: 'app',
        method: 'POST',
        headers: FORM,
        body: groupConditions,
        most: { ...groupMost, evaluations: EXPENSIVE },
      },
      {
        url: '/fhir/Group/_search',
        by: 'app',
        method: 'POST',
        headers: FORM,
        body: times(EXPENSIVE, (i) => `characteristic-value-reference=Organization/o${i}`),
        most: { evaluations: EXPENSIVE, rows: EXPENSIVE + 20 },
      },
    ],
    'GET /fhir/Group/{id}': [{ url: `/fhir/Group/${group}`, by: 'app', most: groupMost }],
    'GET /fhir/Group/{id}/_history': [{ url: `/fhir/Group/${group}/_history`, by: 'app', most: groupMost }],
    'GET /fhir/Group/{id}/_history/{vid}': missing(`/fhir/Group/${group}/_history/1`, 'app', { most: groupMost }),
    'GET /fhir/Group/{id}/$export': kickOff('export'),
    'POST /fhir/Group/{id}/$export': kickOff('export', 'POST'),
    'GET /fhir/Group/{id}/$davinci-data-export': kickOff('davinci-data-export'),
    'POST /fhir/Group/{id}/$davinci-data-export': kickOff('davinci-data-export', 'POST'),
    'POST /fhir/Group/$provider-member-match': [UNREADABLE_MATCH, MATCH_OF_STRANGERS],
    'GET /fhir/bulk': [{ url: '/fhir/bulk', by: 'app', most: { rows: 50 } }],
    'GET /fhir/bulk/{job}': [
      { url: `/fhir/bulk/${job}`, by: 'app', most: { rows: 4 * MEMBERS.length, bytes: 30_000 } },
    ],
    'GET /fhir/bulk/{job}/{file}': missing(`/fhir/bulk/${job}/unknown`, 'app'),
    'DELETE /fhir/bulk/{job}': [{ url: `/fhir/bulk/${job}`, by: 'app', method: 'DELETE', status: 202 }],
    // Of the portal for members.
    'GET /fhir/Consent/{id}': missing('/fhir/Consent/unknown', 'member-portal'),
    'GET /fhir/Consent/{id}/_history/{vid}': missing('/fhir/Consent/unknown/_history/1', 'member-portal'),
    'GET /fhir/Consent/{id}/_history': missing('/fhir/Consent/unknown/_history', 'member-portal'),
    'GET /fhir/Consent': [
      { url: `/fhir/Consent?patient=${list(20, (i) => `m${i}`)}`, by: 'member-portal' },
      { url: `/fhir/Consent?_id=${list(20, (i) => `c${i}`)}`, by: 'member-portal' },
    ],
    'POST /fhir/Consent/_search': [
      {
        url: '/fhir/Consent/_search',
        by: 'member-portal',
        method: 'POST',
        headers: FORM,
        body: `patient=${list(20, (i) => `m${i}`)}`,
      },
    ],
    'POST /fhir/Consent': [
      {
        url: '/fhir/Consent',
        by: 'member-portal',
        method: 'POST',
        headers: FHIR_TYPE,
        body: JSON.stringify({
          resourceType: 'Consent',
          status: 'active',
          category: Array(10_000).fill({ text: 'x' }),
        }),
        status: 400,
      },
    ],
    // Of the payer and of operators.
    'POST /events': [
      {
        url: '/events',
        by: 'payer',
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: '{}\n'.repeat(1000),
        most: { bytes: 1_000_000 },
      },
    ],
    'GET /events/receipts/{id}': [{ url: `/events/receipts/${receipt}`, by: 'payer' }],
    ...DEAD_LETTERS,
    ...IMPORTS,
    'GET /auth/clients': operator('/auth/clients'),
    'GET /auth/clients/{client}': operator(`/auth/clients/${client}`),
    'POST /auth/clients/{client}/approve': missing('/auth/clients/unknown/approve', 'administrator', {
      ...posted,
      body: JSON.stringify({ identifiers: [{ npi: '1245319599', evidence: 'a test' }] }),
    }),
    ...Object.fromEntries(
      ENDS.map(([verb, path, body]) => [
        `POST /auth/clients/{client}/${verb}`,
        missing(`/auth/clients/unknown/${path}`, 'administrator', { ...posted, body }),
      ]),
    ),
    ...OF_PEOPLE,
    'GET /auth/decisions': operator('/auth/decisions'),
    'GET /auth/signing-keys': operator('/auth/signing-keys'),
    'POST /auth/signing-keys/{kid}/withdraw': missing('/auth/signing-keys/unknown/withdraw', 'administrator', {
      method: 'POST',
    }),
    ...pastInputs(client, member),
    'GET /ops/disclosures': operator(`/ops/disclosures?member=${member}`, listed),
    'GET /ops/disclosures/document': operator(`/ops/disclosures/document?member=${member}`, listed),
    'GET /ops/disclosures/looks': operator(`/ops/disclosures/looks?member=${member}`, listed),
    'POST /ops/disclosures/members': operator('/ops/disclosures/members', {
      ...posted,
      body: JSON.stringify({ since: '2020-01-01T00:00:00Z', members: [member, ...IDS.slice(1)] }),
      most: { rows: 50, bytes: 20_000 },
    }),
    'POST /ops/disclosures/recalls': operator('/ops/disclosures/recalls', {
      ...posted,
      status: 400,
      most: { rows: 250 },
      body: JSON.stringify({
        recall: 'r',
        members: Array.from({ length: 100 }, () => ({ member, entries: ENTRIES })),
      }),
    }),
    'GET /ops/audit/AuditEvent': operator('/ops/audit/AuditEvent?date=ge2020&_count=1000', {
      most: { rows: 300, bytes: 1_000_000 },
    }),
    'GET /ops/audit/AuditEvent/{id}': missing('/ops/audit/AuditEvent/unknown', 'administrator'),
    'GET /ops/audit/verification': operator('/ops/audit/verification'),
    'GET /ops/lists': operator('/ops/lists', walk),
    'GET /ops/lists/{group}/funnel': operator(`/ops/lists/${group}/funnel?step=listed`, walk),
    'GET /ops/attestations': operator('/ops/attestations', { most: { rows: 600 } }),
    'GET /ops/attestations/matches': operator('/ops/attestations/matches', { most: { rows: 600 } }),
    'POST /ops/attestations/withdrawals': operator('/ops/attestations/withdrawals', { ...posted, status: 400 }),
    'GET /ops/notices': operator('/ops/notices?until=2030-01-01', { most: { rows: 1_500, bytes: 100_000 } }),
    'GET /ops/slo': operator('/ops/slo', { most: { rows: 200, bytes: 60_000 } }),
    'GET /ops/slo/freshness': operator('/ops/slo/freshness'),
    'GET /ops/feeds': operator('/ops/feeds', { most: { rows: 100, bytes: 60_000 } }),
    'GET /ops/reviews': operator('/ops/reviews', { most: { rows: 1_500, bytes: 200_000 } }),
    'GET /ops/sources/{source}/{kind}': [{ url: '/ops/sources/nobody/roster', by: 'payer' }],
    'POST /ops/sources/{source}/{kind}/forecast': [
      { ...posted, url: '/ops/sources/nobody/roster/forecast', by: 'payer', body: '{"events":[]}' },
    ],
    'GET /ops/lines': operator('/ops/lines'),
    'POST /ops/lines': operator('/ops/lines', { ...posted, status: 400 }),
    // Every membership, with the facts of its member.
    'POST /ops/lines/check': operator('/ops/lines/check', {
      ...posted,
      body: '{"lines":[{"line":"ma","plans":["H1234"]}]}',
      most: { rows: 2_500 },
    }),
    'POST /ops/probe': operator('/ops/probe', { ...posted, status: 400 }),
    'GET /ops/views/{service}': operator('/ops/views/resources'),
    'GET /ops/health/{service}': operator('/ops/health/resources'),
    'POST /ops/views/{service}/{name}/rebuild': missing('/ops/views/resources/unknown/rebuild', 'administrator', {
      method: 'POST',
    }),
    'POST /ops/views/{service}/{name}/rollback': missing('/ops/views/resources/unknown/rollback', 'administrator', {
      method: 'POST',
    }),
    'POST /ops/views/{service}/{name}/abandon': missing('/ops/views/resources/unknown/abandon', 'administrator', {
      method: 'POST',
    }),
    // The process of a sandbox answers these itself: they read no view.
    'GET /ops/sandbox': [],
    'POST /ops/sandbox/reset': [],
  };
};
