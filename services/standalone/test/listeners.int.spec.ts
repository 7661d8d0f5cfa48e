import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { NO_TIME_ZONE, readConfig } from '@provider-access/service/config';
import { type Logger, Metrics } from '@provider-access/service/observability';
import { clientAssertion, exchange, newAppKey } from '@provider-access/testing';
import { standaloneConfig } from '../src/config.ts';
import { type Platform, startPlatform } from '../src/platform.ts';

const folder = mkdtempSync(join(tmpdir(), 'listeners-'));
let platform: Platform;
const warnings: string[] = [];
const logger = {
  debug() {},
  info() {},
  warn: (_details: object, message: string) => void warnings.push(message),
  error() {},
} as unknown as Logger;
beforeAll(async () => {
  // The services read their own variables from the environment of the process.
  vi.stubEnv('FACTS_BOUND_MS', '7000');
  vi.stubEnv('AUTH_TOKENS_PER_MINUTE', '2');
  platform = await startPlatform(
    readConfig(standaloneConfig, { DATA_DIR: folder, PORT: '0', INTERNAL_PORT: '0' }),
    logger,
  );
});
afterAll(async () => {
  await platform.stop();
  rmSync(folder, { recursive: true, force: true });
});
const status = async (base: string, path: string, method = 'GET'): Promise<number> =>
  (await fetch(base + path, { method })).status;

test.each([
  ['GET', '/metrics', 200],
  ['POST', '/events', 401],
  ['GET', '/events/dead-letters', 401],
  ['GET', '/ops/views', 401],
  ['GET', '/ops/explain', 401],
  ['GET', '/auth/clients', 401],
])('%s %s is answered on the internal port and is unknown on the public one', async (method, path, internal) => {
  expect(await status(platform.internalAddress, path, method)).toBe(internal);
  for (const spelt of [path, path.toUpperCase(), `/${path}`, `/%${path.charCodeAt(1).toString(16)}${path.slice(2)}`])
    expect(await status(platform.address, spelt, method), spelt).toBe(404);
});

interface Described {
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
}
/** The routes that operators may read, by the OpenAPI document. Those of FHIR read `_format` first. */
const operatorRoutes = Object.entries(
  (JSON.parse(readFileSync(new URL('../../../docs/openapi.json', import.meta.url), 'utf8')) as { paths: object })
    .paths as Readonly<Record<string, { readonly get?: Described }>>,
)
  .filter(
    ([path, { get }]) => get?.security.some((one) => 'administrator' in one) && !/^\/(ops\/sandbox|fhir\/)/.test(path),
  )
  .map(([path, { get }]) => ({ path, get: get! }))
  // The process itself merges the answers of its services.
  .concat({ path: '/ops/views', get: { security: [] } });

test('there are routes of operators to try', () => {
  expect(operatorRoutes.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['/ops/disclosures', '/ops/explain', '/ops/feeds', '/ops/views', '/auth/clients']),
  );
});
test.each(operatorRoutes)(
  'GET $path refuses a parameter that it does not have, and names it',
  async ({ path, get }) => {
    const token = readFileSync(platform.administratorTokenFile, 'utf8').trim();
    const url = path.replace('{service}', 'resources').replaceAll(/{\w+}/g, 'x');
    const own = get.parameters?.filter((parameter) => parameter.in === 'query').map(({ name }) => name) ?? [];
    const read = (query: string): Promise<Response> =>
      fetch(`${platform.internalAddress}${url}?${query}`, { headers: { authorization: `Bearer ${token}` } });
    for (const wrong of ['count', 'Member', '__proto__', 'hasOwnProperty']) {
      const answer = await read([...own.map((name) => `${name}=1`), `${wrong}=2`].join('&'));
      const text = await answer.text();
      expect([answer.status, text], wrong).toEqual([400, expect.stringContaining(`has no parameter ${wrong}`)]);
    }
    // Without a token nobody learns which parameters there are.
    expect((await fetch(`${platform.internalAddress}${url}?count=2`)).status).toBe(401);
  },
);

test.each(['/', '/fhir/metadata', '/health/ready', '/health/live', '/fhir/.well-known/smart-configuration'])(
  '%s is answered on both',
  async (path) => {
    expect([await status(platform.address, path), await status(platform.internalAddress, path)]).toEqual([200, 200]);
  },
);

test('the pages for people are answered on both, or say how they are built', async () => {
  for (const base of [platform.address, platform.internalAddress])
    for (const path of ['/portal', '/portal/'])
      expect(await (await fetch(base + path)).text()).toMatch(/<div id="root">|npm run build/);
});

test.each([
  ['POST', '/portal/apps/c-1?x=1'],
  ['DELETE', '/portal/%00'],
])('%s %s is nothing that a page offers', async (method, path) => {
  for (const base of [platform.address, platform.internalAddress])
    expect([400, 404, 405]).toContain((await fetch(base + path, { method })).status);
});

// RFC 9110 section 15.5.6. The answer comes before the token, and is the same whether or not there is such a resource.
test.each([
  ['PUT', '/fhir/Condition/x', 'GET, HEAD'],
  ['PATCH', '/fhir/Condition/x', 'GET, HEAD'],
  ['DELETE', '/fhir/Condition/x', 'GET, HEAD'],
  ['POST', '/fhir/Patient', 'GET, HEAD'],
  ['POST', '/fhir/metadata', 'GET, HEAD'],
  ['DELETE', '/fhir/Binary/x', 'GET, HEAD'],
  ['PUT', '/fhir/Patient/m1/_history/1', 'GET, HEAD'],
  ['DELETE', '/fhir/Patient/m1/_history', 'GET, HEAD'],
  ['PUT', '/fhir/DocumentReference/$docref', 'GET, HEAD, POST'],
  ['POST', '/fhir/Group', 'GET, HEAD'],
  ['PUT', '/fhir/Group/x', 'GET, HEAD'],
  ['PUT', '/fhir/Group/_search', 'POST'],
  ['POST', '/fhir/bulk/x', 'GET, HEAD, DELETE'],
  ['PUT', '/fhir/.well-known/smart-configuration', 'GET, HEAD'],
  ['GET', '/auth/introspect', 'POST'],
])('%s %s, which no service offers, is 405 and names %s', async (method, path, allow) => {
  const answer = await fetch(platform.address + path, {
    method,
    ...(method !== 'GET' && { body: '{}', headers: { 'content-type': 'application/fhir+json' } }),
  });
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow]);
  const body = (await answer.json()) as object;
  if (path.startsWith('/fhir'))
    expect(body).toMatchObject({ resourceType: 'OperationOutcome', issue: [{ code: 'not-supported' }] });
  else expect(body).toHaveProperty('error', 'invalid_request');
});

test('a URL of more than 16 KiB is refused with the way that a search has for it', async () => {
  const ids = Array.from({ length: 2000 }, (_, i) => `patient-${i}`).join(',');
  const answer = await fetch(`${platform.address}/fhir/Patient?_id=${ids}`);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([431, 'application/fhir+json; charset=utf-8']);
  expect(await answer.json()).toMatchObject({
    resourceType: 'OperationOutcome',
    issue: [{ code: 'too-long', diagnostics: expect.stringContaining('POST to [type]/_search') }],
  });
  // With a token, this would be the search.
  const byPost = await fetch(`${platform.address}/fhir/Patient/_search`, {
    method: 'POST',
    body: new URLSearchParams({ _id: ids }),
  });
  expect(byPost.status).toBe(401);
});

test('a start without BUSINESS_TIME_ZONE says once what a day means then', () => {
  expect(warnings.filter((message) => message.includes('BUSINESS_TIME_ZONE'))).toEqual([NO_TIME_ZONE]);
});

test('many who ask for metrics at once cost what one costs', async () => {
  const { text } = Metrics.prototype;
  let made = 0;
  Metrics.prototype.text = function (this: Metrics) {
    made++;
    return text.call(this);
  };
  try {
    const began = performance.now();
    const ask = (): Promise<string> => fetch(`${platform.internalAddress}/metrics`).then((answer) => answer.text());
    const answers = await Promise.all(Array.from({ length: 50 }, ask));
    // Callers share an answer for a second. On a slow machine the 50 calls may last longer than that.
    const periods = Math.floor((performance.now() - began) / 1000) + 1;
    expect(made).toBeLessThanOrEqual(periods);
    // The first period may still return an earlier answer.
    expect(new Set(answers).size).toBeLessThanOrEqual(periods + 1);
    expect(answers[0]).toContain('pa_build_info');
  } finally {
    Metrics.prototype.text = text;
  }
});

test('FACTS_BOUND_MS of the environment reaches every service that decides by facts', async () => {
  // With each look at the clock an hour passes, so the facts are older than any bound.
  const began = Date.now();
  let hours = 0;
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => began + (hours += 1) * 3_600_000);
  const answer = await fetch(`${platform.internalAddress}/health/ready`);
  clock.mockRestore();
  const { failing } = (await answer.json()) as { failing: { service: string; check: string; detail: string }[] };
  const bounds = failing.filter(({ check }) => check === 'facts').map(({ service, detail }) => [service, detail]);
  expect(bounds).toEqual(
    ['attribution', 'consent', 'resources', 'export'].map((name) => [
      name,
      expect.stringMatching(/^facts are older than 7000 ms/),
    ]),
  );
});

test('AUTH_TOKENS_PER_MINUTE of the environment reaches auth', async () => {
  const key = newAppKey();
  const metadata = {
    client_name: 'An app',
    jwks: { keys: [key.publicJwk] },
    scope: 'system/*.rs',
    contacts: ['dev@app.example'],
    npi: '1234567893',
  };
  const registered = await fetch(`${platform.address}/auth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(metadata),
  });
  const { client_id: clientId } = (await registered.json()) as { client_id: string };
  // Auth counts an app that proved who it is before it says that nobody approved the app yet.
  const ask = async (): Promise<number> => {
    const signed = clientAssertion({ clientId, key: key.key }, `${platform.publicUrl}/auth/token`);
    return (await fetch(`${platform.address}/auth/token`, exchange(signed))).status;
  };
  expect([await ask(), await ask(), await ask()]).toEqual([400, 400, 429]);
});
