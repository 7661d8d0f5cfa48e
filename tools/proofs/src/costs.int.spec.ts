import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { MOST_EVALUATIONS, SearchWork } from '@provider-access/fhir';
import { ROLES } from '@provider-access/kernel';
import { systemClock } from '@provider-access/service/http';
import { signingKeysIn } from '@provider-access/process/testing';
import { fixedSecret } from '@provider-access/smart';
import { clientAssertion, eventually, exchange, newAppKey } from '@provider-access/testing';
import { type Cost, countedViews } from './costs/counted-views.ts';
import type { Input } from './costs/input.ts';
import { MOST, mostExpensive, type Names } from './costs/inputs.ts';
import { MEMBERS, payerEvents } from './costs/payer.ts';
import { mapBlobs } from './kill-points/blobs.ts';
import {
  ADMINISTRATOR_TOKEN,
  type Answer,
  type Call,
  MEMBER_PORTAL_TOKEN,
  PAYER_TOKEN,
  PlatformProcess,
  PUBLIC_URL,
} from './kill-points/platform-process.ts';

const NPI = '1234567893';
const folder = mkdtempSync(join(tmpdir(), 'costs-'));
const views = countedViews();
let platform: PlatformProcess;
let tokens: Readonly<Record<Input['by'], string | undefined>>;
let inputs: Readonly<Record<string, readonly Input[]>>;
let closeEngines: () => Promise<unknown>;

const asked = (url: string, call: Call = {}): Promise<Answer> =>
  eventually(
    async () => {
      const answer = await platform.request(url, call);
      if (answer.status !== 503) return answer;
      await platform.look();
      return false;
    },
    { what: `${url} is answered` },
  );
const post = (body: unknown, token?: string): Call => ({
  method: 'POST',
  ...(token !== undefined && { token }),
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

beforeAll(async () => {
  const log = openMemoryLog();
  const state = openMemoryState({ log });
  closeEngines = () => Promise.all([views.port.close(), state.close(), log.close()]);
  const keys = fixedSecret(await signingKeysIn(join(folder, 'keys.json')));
  platform = await PlatformProcess.start(
    { log, state, views: views.port, blobs: mapBlobs(new Map()), clock: systemClock },
    keys,
  );
  const published = await asked('/events', {
    method: 'POST',
    token: PAYER_TOKEN,
    headers: { 'content-type': 'application/x-ndjson' },
    body: payerEvents().join('\n'),
  });
  const { receipt } = (JSON.parse(published.body.trim().split('\n').at(-1)!) as { summary: { receipt: string } })
    .summary;
  await eventually(
    async () => {
      await platform.look();
      const { body } = await asked(`/events/receipts/${receipt}`, { token: PAYER_TOKEN });
      const { handled, expected } = JSON.parse(body) as { handled: number; expected: number };
      return handled === expected;
    },
    { what: 'the events are handled' },
  );
  const app = await approvedApp();
  tokens = {
    app: app.token,
    payer: PAYER_TOKEN,
    administrator: ADMINISTRATOR_TOKEN,
    'member-portal': MEMBER_PORTAL_TOKEN,
    nobody: undefined,
  };
  inputs = mostExpensive({ ...app.names, receipt });
}, 120_000);
afterAll(async () => {
  await platform.stop();
  await closeEngines();
  rmSync(folder, { recursive: true, force: true });
});

/** An approved app with its Group and an export. */
async function approvedApp(): Promise<{ readonly token: string; readonly names: Omit<Names, 'receipt'> }> {
  const { key, publicJwk } = newAppKey();
  const metadata = { client_name: 'Costs', jwks: { keys: [publicJwk] }, scope: 'system/*.rs', npi: NPI };
  const registered = await asked('/auth/register', post({ ...metadata, contacts: ['mailto:a@b.example'] }));
  const { client_id: client } = JSON.parse(registered.body) as { client_id: string };
  await asked(
    `/auth/clients/${client}/approve`,
    post({ identifiers: [{ npi: NPI, evidence: 'a test' }], confirm: [NPI] }, ADMINISTRATOR_TOKEN),
  );
  const { body, headers } = exchange(clientAssertion({ clientId: client, key }, `${PUBLIC_URL}/auth/token`));
  const answer = await asked('/auth/token', { method: 'POST', headers, body });
  const token = (JSON.parse(answer.body) as { access_token: string }).access_token;
  const group = await eventually(
    async () => {
      await platform.look();
      const { entry } = JSON.parse((await asked('/fhir/Group', { token })).body) as {
        readonly entry?: readonly { readonly resource: { readonly id: string; readonly quantity?: number } }[];
      };
      const found = entry?.[0]?.resource;
      return found?.quantity === MEMBERS.length && found.id;
    },
    { what: 'the app has a Group with all members' },
  );
  const started = await asked(`/fhir/Group/${group}/$davinci-data-export`, { token });
  const job = String(started.headers['content-location']).split('/').at(-1)!;
  await eventually(async () => (await asked(`/fhir/bulk/${job}`, { token })).status === 200, { what: 'the export' });
  return { token, names: { client, group, job } };
}

/** The operations of docs/openapi.json, as `GET /fhir/{type}/{id}`. */
const { paths } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../docs/openapi.json'), 'utf8')) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
};
const NAMES = Object.entries(paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
);

// N1
test('every operation has a most expensive input here: a new one needs a row in costs/inputs.ts', () => {
  expect(Object.keys(inputs).toSorted()).toEqual(NAMES.toSorted());
});

test.each(NAMES)('%s costs no more than its bound', async (name) => {
  for (const { url, by, status, most, ...call } of inputs[name] ?? []) {
    const evaluate = vi.spyOn(SearchWork.prototype, 'evaluate');
    const token = tokens[by];
    const { value: answer, rows } = await views.count(() =>
      asked(url, { ...call, ...(token !== undefined && { token }) }),
    );
    const cost: Cost = {
      evaluations: evaluate.mock.calls.reduce((sum, [conditions]) => sum + conditions, 0),
      rows,
      bytes: Buffer.byteLength(answer.body),
    };
    vi.restoreAllMocks();
    const what = `${name}: ${url.slice(0, 60)} ${JSON.stringify(cost)}`;
    expect(answer.status, `${what} ${answer.body.slice(0, 300)}`).toBe(status ?? 200);
    const bound = { ...MOST, ...most };
    expect(cost.evaluations, what).toBeLessThanOrEqual(bound.evaluations);
    expect(cost.rows, what).toBeLessThanOrEqual(bound.rows);
    expect(cost.bytes, what).toBeLessThanOrEqual(bound.bytes);
    // The resource that exceeds the budget is counted before the search ends.
    expect(cost.evaluations, what).toBeLessThanOrEqual(MOST_EVALUATIONS + 1_000);
  }
});

/** Whom the platform serves, by the first rule that matches: written from the rules and not from the routes. */
const CALLERS: readonly (readonly [pattern: RegExp, callers: readonly Input['by'][]])[] = [
  [/^(POST|GET|PUT|DELETE) \/auth\/(register|token|check-assertion|jwks)\b/, ['nobody']],
  [/^GET \/($|notice$|providers$|status$|\.well-known\/|fhir\/\.well-known\/|fhir\/metadata$)/, ['nobody']],
  [/^POST \/auth\/session$/, ['administrator']],
  // A session is no token: whoever has one is in roles.int of the standalone.
  [/^[A-Z]+ \/auth\/(member-)?session\b/, ['nobody']],
  [/^POST \/auth\/introspect$/, ['app', 'administrator']],
  [/^[A-Z]+ \/auth\/(clients|decisions|signing-keys)\b/, ['administrator']],
  // An app gets the answer of a type that does not exist.
  [/^[A-Z]+ \/fhir\/Consent\b/, ['member-portal', 'administrator']],
  [/^[A-Z]+ \/fhir\//, ['app']],
  [/^GET \/refusals$/, ['app']],
  [/^POST \/events$/, ['payer']],
  [/^[A-Z]+ \/events\/(receipts|dead-letters)\b/, ['payer', 'administrator']],
  [/^GET \/ops\/(feeds|lists|notices)$/, ['payer', 'administrator']],
  [/^[A-Z]+ \/ops\/(sources|imports)\b/, ['payer', 'administrator']],
  [/^[A-Z]+ \/ops\//, ['administrator']],
];
const callersOf = (name: string): readonly Input['by'][] => CALLERS.find(([pattern]) => pattern.test(name))?.[1] ?? [];

test.each(NAMES)('%s answers its callers alone', async (name) => {
  const callers = callersOf(name);
  expect(callers).not.toEqual([]);
  const [input] = inputs[name]!;
  // A route of the sandbox has no input, because it is not served here.
  if (callers.includes('nobody') || input === undefined) return;
  const { url, by: _by, status: _status, most: _most, ...call } = input;
  const isHidden = name.includes('/fhir/Consent');
  for (const by of ['nobody', 'app', ...ROLES] as const) {
    if (callers.includes(by)) continue;
    const token = tokens[by];
    const answer = await asked(url, { ...call, ...(token !== undefined && { token }) });
    expect(answer.status, `${by}: ${answer.body.slice(0, 300)}`).toBe(isHidden && by === 'app' ? 404 : 401);
  }
});

test('the members of this world are more than a page', () => {
  expect(MEMBERS.length).toBeGreaterThan(50);
});
