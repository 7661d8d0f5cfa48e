import { connect } from 'node:net';
import { request } from 'node:http';
import { type DomainEvent, toStructured } from '@provider-access/events';
import type { PlatformProcess } from '@provider-access/cli';
import { form } from '@provider-access/testing';
import { http, payerEvent, type HttpAnswer, type HttpCall } from '../road.ts';
import { MARK } from './marks.ts';

export const MEMBER = MARK.member;

const resource = (type: string, id: string, rest: Record<string, unknown>): DomainEvent =>
  payerEvent('payer.resource-recorded.v1', MEMBER, { resource: { resourceType: type, id, ...rest } });
const subject = { reference: `Patient/${MEMBER}`, display: MARK.family };
const patient = {
  identifier: [
    { system: 'urn:example:card', value: MARK.card },
    { system: 'http://hl7.org/fhir/sid/us-ssn', value: MARK.ssn },
  ],
  name: [{ family: MARK.family, given: [MARK.given] }],
  gender: 'female',
  birthDate: MARK.birthDate,
  address: [{ line: [MARK.street], city: MARK.city, postalCode: MARK.postalCode }],
  telecom: [
    { system: 'phone', value: MARK.phone },
    { system: 'email', value: MARK.email },
  ],
};

/** The payer's events about a marked member. */
export const goodEvents = (provider: { npi: string; tin: string; contract?: string | undefined }): DomainEvent[] => [
  payerEvent('payer.member-enrolled.v1', MEMBER, { coverageId: `${MEMBER}-cov`, from: '2020-01-01' }),
  payerEvent('payer.attribution-asserted.v1', MEMBER, { provider, from: '2020-01-01' }),
  { ...resource('Patient', MEMBER, patient), traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
  resource('Condition', `${MEMBER}-c1`, { subject, code: { text: MARK.diagnosis } }),
  resource('Observation', `${MEMBER}-o1`, {
    subject,
    status: 'final',
    code: { text: MARK.diagnosis },
    valueString: MARK.body,
  }),
];

/** Events that become dead letters, each for another reason. `another`: a member other than the marked one. */
export const badEvents = (another: string): DomainEvent[] => [
  resource('Condition', `${MEMBER}-c2`, { subject, code: MARK.diagnosis }),
  resource('Condition', `${MEMBER} ${MARK.body}`, { subject }),
  resource('Condition', `${MEMBER}-c3`, { subject: { reference: `Patient/${MARK.other}` } }),
  resource('Observation', `${MEMBER}-o2`, {
    [MARK.body]: MARK.body,
    status: MARK.body,
    subject,
    code: { text: MARK.diagnosis },
  }),
  resource(MARK.body, `${MEMBER}-x`, { subject }),
  resource('Patient', another, patient),
  payerEvent('payer.member-enrolled.v1', MEMBER, { coverageId: MARK.card, from: MARK.body }),
  payerEvent('payer.attribution-asserted.v1', MEMBER, { provider: { npi: MARK.card }, from: '2020-01-01' }),
  payerEvent(`payer.${MARK.body}.v1`, MEMBER, { [MARK.body]: MARK.body }),
  payerEvent('payer.resource-recorded.v1', MEMBER, { resource: MARK.body }),
  payerEvent('payer.resource-recorded.v1', MEMBER, MARK.body),
  {
    ...payerEvent('payer.member-opted-in.v1', MEMBER, { scope: MARK.body, setBy: MARK.given }),
    traceparent: MARK.header,
  },
  {
    ...resource('Condition', `${MEMBER}-c4`, { subject }),
    id: MARK.body,
    source: `urn:${MARK.body}`,
    extensions: { zqxjvkattribute: MARK.body },
  },
];

/** Headers that a caller may send and nobody should repeat. */
export const HEADERS = {
  'user-agent': MARK.header,
  'x-request-id': MARK.header,
  'x-forwarded-for': MARK.header,
  forwarded: `for=${MARK.header}`,
  tracestate: `${MARK.header}=1`,
  baggage: `member=${MEMBER}`,
  traceparent: MARK.header,
  'if-none-match': `"${MARK.header}"`,
  range: `bytes=${MARK.header}`,
  referer: `https://clinic.example/${MEMBER}`,
  cookie: `member=${MEMBER}`,
  'accept-language': MARK.header,
  prefer: `respond-async, ${MARK.header}`,
};

/** Wrong bodies for `POST /events`. */
export async function badBodies(platform: PlatformProcess): Promise<HttpAnswer[]> {
  const post = (
    body: string,
    type = 'application/cloudevents+json',
    token = platform.payerToken,
  ): Promise<HttpAnswer> =>
    http(`${platform.base}/events`, { method: 'POST', token, headers: { ...HEADERS, 'content-type': type }, body });
  const whole = toStructured(resource('Patient', MEMBER, patient));
  return Promise.all([
    post(`{"specversion":"1.0","data":"${MARK.body}"`),
    post(JSON.stringify({ specversion: '1.0', source: MARK.body, type: 'x', data: MARK.body })),
    post(JSON.stringify({ ...whole, time: MARK.body })),
    post(MARK.body, `text/${MARK.body}`),
    post(`["${MARK.body}"`, 'application/cloudevents-batch+json'),
    post(`${MARK.body}\n{"${MARK.body}":1}\n`, 'application/x-ndjson'),
    post(JSON.stringify(whole), undefined, MARK.header),
    post(
      JSON.stringify({
        ...whole,
        id: 'huge',
        data: { resource: { resourceType: 'Patient', id: MEMBER, text: { div: MARK.body.repeat(600_000) } } },
      }),
    ),
  ]);
}

/** All wrong requests to the provider's side. */
export async function wrongRequests(base: string, token: string, group: string): Promise<HttpAnswer[]> {
  const ask = (path: string, call: HttpCall = {}): Promise<HttpAnswer> =>
    http(`${base}${path}`, {
      token,
      ...call,
      headers: { ...HEADERS, accept: 'application/fhir+json', ...call.headers },
    });
  const fhir = { 'content-type': 'application/fhir+json' };
  const parameters = JSON.stringify({
    resourceType: 'Parameters',
    parameter: [
      { name: 'MemberPatient', resource: { resourceType: 'Patient', ...patient } },
      { name: MARK.body, valueString: MARK.body },
    ],
  });
  const paths = [
    `/fhir/Patient/${MARK.path}`,
    `/fhir/${MARK.path}/1`,
    `/fhir/${MARK.path}`,
    `/fhir/Patient?no-such-parameter=${MARK.search}`,
    `/fhir/Patient?family=${MARK.family}&birthdate=${MARK.birthDate}`,
    `/fhir/Patient?identifier=urn:x|${MARK.card}`,
    `/fhir/Patient?_id=${MARK.search}&_count=${MARK.search}`,
    `/fhir/Condition?patient=${MARK.search}/${MARK.search}&_lastUpdated=${MARK.search}`,
    `/fhir/Condition?_page=${MARK.search}`,
    `/fhir/Condition/${MARK.path}/_history`,
    `/fhir/Condition/${MEMBER}-c1/_history?_since=${MARK.search}&_at=${MARK.search}`,
    `/fhir/Condition/${MEMBER}-c1/_history/${MARK.path}`,
    `/fhir/Binary/${MARK.path}`,
    `/fhir/DocumentReference/$docref?patient=${MEMBER}&start=${MARK.search}&profile=${MARK.search}`,
    `/fhir/DocumentReference/$docref?patient=${MARK.search}&no-such-parameter=${MARK.search}`,
    // An answer names an unknown parameter to the client that sent it, if the name has the form of one.
    `/fhir/DocumentReference/$docref?patient=${MEMBER}&${MARK.search}%20x=${MARK.search}`,
    `/fhir/Group/${MARK.path}`,
    `/fhir/Group?name=${MARK.search}`,
    `/fhir/Group/${MARK.path}/$export`,
    `/fhir/Group/${group}/$export?_type=${MARK.search}`,
    `/fhir/Group/${group}/$export?_since=${MARK.search}`,
    `/fhir/Group/${group}/$export?patient=${MEMBER}`,
    `/fhir/Group/${group}/%24export?_typeFilter=${MARK.search}`,
    `/fhir/bulk?client=${MARK.search}`,
    `/fhir/bulk/${MARK.path}`,
    `/fhir/bulk/${MARK.path}/${MARK.path}`,
    `/fhir/Patient/${MEMBER}/_history/${MARK.path}`,
    `/fhir/Consent/${MARK.path}`,
    `/${MARK.path}`,
    `/fhir/Patient/%ZZ${MARK.path}`,
    `/fhir/Patient/${MARK.path.repeat(400)}`,
    `/portal/${MARK.path}`,
    `/auth/authorize?login_hint=${MARK.search}`,
    `/ops/explain?client=${MARK.search}&member=${MEMBER}`,
    `/events/receipts/${MARK.path}`,
    `/.well-known/${MARK.path}`,
  ];
  return Promise.all([
    ...paths.map((path) => ask(path)),
    ask('/fhir/Patient/_search', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `family=${MARK.family}&birthdate=${MARK.birthDate}&identifier=${MARK.card}`,
    }),
    ask('/fhir/Group/$provider-member-match', { method: 'POST', headers: fhir, body: parameters }),
    ask('/fhir/Patient/$match', { method: 'POST', headers: fhir, body: parameters }),
    ask(`/fhir/Group/${group}/$export`, { method: 'POST', headers: fhir, body: parameters }),
    ask(`/fhir/Group/${group}/$davinci-data-export`, { method: 'POST', headers: fhir, body: `{"${MARK.body}` }),
    ask('/fhir/Consent', {
      method: 'POST',
      headers: fhir,
      body: JSON.stringify({ resourceType: 'Consent', patient: subject }),
    }),
    ask(`/fhir/Patient/${MEMBER}`, {
      method: 'PUT',
      headers: fhir,
      body: JSON.stringify({ resourceType: 'Patient', ...patient }),
    }),
    ask(`/fhir/Patient/${MEMBER}`, { method: 'DELETE' }),
    ask(`/fhir/Patient/${MEMBER}`, { token: `${token}${MARK.header}` }),
    ask(`/fhir/Patient/${MEMBER}`, { token: MARK.header }),
    http(
      `${base}/auth/token`,
      form({ grant_type: MARK.body, client_assertion: MARK.body, client_assertion_type: MARK.body, scope: MARK.body }),
    ),
    http(`${base}/auth/check-assertion`, form({ client_assertion: MARK.body, [MARK.search]: MARK.body })),
    http(`${base}/auth/introspect`, form({ token: MARK.body })),
    http(`${base}/auth/register/${MARK.other}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${MARK.header}` },
      body: JSON.stringify({ client_id: MARK.body, jwks: MARK.body }),
    }),
    http(`${base}/auth/register`, {
      method: 'POST',
      headers: { ...HEADERS, 'content-type': 'application/json' },
      body: JSON.stringify({ client_name: 1, jwks: MARK.body, contacts: [MARK.body] }),
    }),
    http(`${base}/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"${MARK.body}`,
    }),
  ]);
}

/** Bytes that are no HTTP, too large, or cut off in the middle. Returns the answers, if any. */
export async function brokenConnections(base: string, token: string, file: string): Promise<string[]> {
  const { hostname, port } = new URL(base);
  const raw = (text: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.end(text));
      let answer = '';
      socket.on('data', (chunk) => (answer += chunk.toString()));
      socket.on('error', () => resolve(answer));
      socket.on('close', () => resolve(answer));
    });
  const cut = (path: string, more: { method?: string; body?: string } = {}): Promise<void> =>
    new Promise((resolve) => {
      const sent = request(`${base}${path}`, {
        method: more.method ?? 'GET',
        agent: false,
        headers: {
          ...HEADERS,
          range: 'bytes=0-',
          authorization: `Bearer ${token}`,
          ...(more.body !== undefined && {
            'content-type': 'application/cloudevents+json',
            'content-length': 1_000_000,
          }),
        },
      });
      sent.on('error', () => resolve());
      sent.on('close', () => resolve());
      if (more.body !== undefined) sent.write(more.body);
      else sent.end();
      setTimeout(() => sent.destroy(), 30);
    });
  const answers = await Promise.all([
    raw(`GET /fhir/Patient/${MEMBER} HTTP/9.9\r\nhost: x\r\n\r\n`),
    raw(`${MARK.body} ${MARK.path}\r\n\r\n`),
    raw(`GET /fhir/Patient/${MARK.path.repeat(3000)} HTTP/1.1\r\nhost: x\r\n\r\n`),
    raw(`GET / HTTP/1.1\r\nhost: x\r\nx-member: ${MARK.header.repeat(3000)}\r\n\r\n`),
    raw(`POST /events HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n${MARK.body}`),
  ]);
  await Promise.all([
    cut(file),
    cut(`/fhir/Patient?_id=${MEMBER}`),
    cut('/events', { method: 'POST', body: MARK.body }),
  ]);
  return answers;
}
