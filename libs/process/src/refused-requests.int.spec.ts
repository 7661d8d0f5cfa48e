import { Controller, Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataOf, type Disclosure, PA_AUDIT } from '@provider-access/events';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { ProjectionSet } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { Facts, FACTS_PROJECTIONS } from '@provider-access/facts';
import { Refusal, type RefusalKind } from '@provider-access/kernel';
import { createServiceApp } from '@provider-access/service/http';
import { type Logger, Metrics, silentLogger } from '@provider-access/service/observability';
import { type Asked, operation, Operation } from '@provider-access/service/operation';
import { StaticTokens, type TokenIssuer } from '@provider-access/smart';
import { ServiceModule } from './service-module.ts';
import { appendFacts, approvedApp, issuerOf, recordsOf, request } from './testing/index.ts';

const PUBLIC_URL = 'https://pa.example';
const ADMINISTRATOR = 'a'.repeat(43);
const NPI = 'npi|1234567893';

const TEXTS = { tag: 'Operations', summary: 'Refuse', answer: { description: 'None.' } } as const;
const SEARCH = operation({ ...TEXTS, route: 'GET /fhir/{kind}', callers: 'app', audit: 'search' });
const GROUP = operation({ ...TEXTS, route: 'GET /fhir/Group/{id}', callers: 'app', audit: 'group-read' });
const READ = operation({ ...TEXTS, route: 'GET /fhir/{type}/{id}', callers: 'app', audit: 'read' });
const KICK_OFF = operation({
  ...TEXTS,
  route: 'POST /fhir/Group/{id}/$export',
  callers: 'app',
  refusedAs: 'export-requested',
});
const OPERATORS = operation({ ...TEXTS, route: 'GET /ops/refused', callers: ['administrator'] });

/** Refuses with the kind that the path names. */
@Controller()
class TrialController {
  @Operation(SEARCH)
  search({ params }: Asked<typeof SEARCH>): never {
    throw new Refusal(params.kind as RefusalKind, 'Refused.');
  }
  @Operation(GROUP)
  group({ params }: Asked<typeof GROUP>): never {
    throw new Refusal(params.id as RefusalKind, 'Refused.');
  }
  @Operation(READ)
  read({ params }: Asked<typeof READ>): never {
    throw new Refusal(params.id as RefusalKind, 'Refused.');
  }
  @Operation(KICK_OFF)
  kickOff(): never {
    throw new Refusal('required', 'Refused.');
  }
  @Operation(OPERATORS)
  operators(): never {
    throw new Refusal('invalid-value', 'Refused.');
  }
}
@Module({})
class TrialModule {}

/** Keeps the parser of JSON, which refuses a body before a guard asks for the token. */
const keepParsers = (): void => undefined;

let now: number;
let app: NestFastifyApplication;
let log: ReturnType<typeof openMemoryLog>;
let metrics: Metrics;
let tokens: TokenIssuer;
let lines: Record<string, unknown>[];
let closing: (() => Promise<unknown>)[];
beforeEach(async () => {
  now = Date.UTC(2026, 5, 1, 12);
  const clock = { now: () => now };
  log = openMemoryLog({ now: clock.now });
  const [views, state] = [openMemoryViews(), openMemoryState({ log, now: clock.now })];
  metrics = new Metrics();
  lines = [];
  const info = (fields: Record<string, unknown>): void => void lines.push(fields);
  const logger = { ...silentLogger, info, error: info } as unknown as Logger;
  const facts = new ProjectionSet({ log, views, projections: FACTS_PROJECTIONS });
  await facts.start();
  tokens = await issuerOf(log, PUBLIC_URL, clock);
  await appendFacts(log, [...approvedApp('c1', [NPI]), ...approvedApp('c2', [NPI])]);
  const ports = { log, views, state, clock, logger, metrics };
  const staticTokens = new StaticTokens({ administrator: ADMINISTRATOR });
  const settings = { name: 'resources', facts: { boundMs: 60_000 }, publicUrl: PUBLIC_URL, http: keepParsers } as const;
  app = await createServiceApp(
    {
      module: TrialModule,
      imports: [ServiceModule.forRoot({ ports, staticTokens }, settings)],
      controllers: [TrialController],
    },
    { name: 'resources', ports },
  );
  await app.get(Facts, { strict: false }).parties.waitFor(await log.head(['pa.registry']), 60_000);
  closing = [() => app.close(), () => facts.stop(), () => state.close(), () => log.close()];
});
afterEach(async () => {
  for (const close of closing) await close();
});

const token = async (client = 'c1'): Promise<string> => (await tokens.issue(client, 'system/*.rs', 1)).token;
const get = async (path: string, client?: string) => request(app, path, { token: await token(client) });
async function audited(): Promise<readonly Omit<Disclosure, 'at' | 'agent' | 'purpose'>[]> {
  const all = (await recordsOf(log, PA_AUDIT)).map((record) => dataOf<Disclosure>(record));
  return all
    .toSorted((a, b) => (a.at < b.at ? -1 : 1))
    .map(({ at: _at, agent, purpose, ...entry }) => {
      expect([agent?.name, purpose]).toEqual([entry.client, 'TREAT']);
      return entry;
    });
}
const refused = { outcome: 'refused', members: [], resources: 0, count: 1 };

describe('a refused request of an authenticated client', () => {
  it.each([
    ['/fhir/insufficient-scope', 403, { action: 'search', reason: 'insufficient-scope' }],
    ['/fhir/forbidden', 403, { action: 'search', reason: 'forbidden' }],
    ['/fhir/Patient/invalid-value', 400, { action: 'read', reason: 'invalid-value', types: ['Patient'] }],
    [
      '/fhir/Patient/invalid-value?_count=Jane&name=Doe&Jane=Doe',
      400,
      { action: 'read', reason: 'invalid-value', types: ['Patient'], query: '_count&name&other' },
    ],
    ['/fhir/Group/required', 400, { action: 'group-read', reason: 'required', types: ['Group'] }],
  ])('%s is %d and recorded before the answer', async (path, status, entry) => {
    expect((await get(path)).status).toBe(status);
    expect(await audited()).toEqual([{ ...refused, client: 'c1', ...entry }]);
  });

  it('is recorded when its body cannot be read, before a guard asked for the token', async () => {
    const call = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' } as const;
    expect((await request(app, '/fhir/Group/g1/$export', { ...call, token: await token() })).status).toBe(400);
    expect(await audited()).toEqual([
      { ...refused, client: 'c1', action: 'export-requested', reason: 'invalid-request', types: ['Group'] },
    ]);
    for (const other of ['nonsense', undefined])
      expect((await request(app, '/fhir/Group/g1/$export', { ...call, token: other })).status).toBe(400);
    expect(await audited()).toHaveLength(1);
  });

  it('is counted: one record a minute for each client, action, reason and type, however many there are', async () => {
    for (let i = 0; i < 50; i++) await get('/fhir/Patient/invalid-value');
    await get('/fhir/Patient/required');
    await get('/fhir/invalid-value');
    await get('/fhir/Patient/invalid-value', 'c2');
    expect(await audited()).toHaveLength(4);
    now += 60_000;
    await get('/fhir/Patient/invalid-value');
    const [, , , , later, ...more] = await audited();
    expect(more).toEqual([]);
    expect(later).toMatchObject({ client: 'c1', action: 'read', reason: 'invalid-value', count: 50 });
    await get('/fhir/Patient/invalid-value');
    await closing.shift()!();
    expect((await audited()).at(-1)).toMatchObject({ client: 'c1', reason: 'invalid-value', count: 1 });
    expect(await metrics.text()).toContain('pa_refusals_total{reason="invalid-value"} 54');
  });

  it('counts for the type of resource that it named, whichever came first', async () => {
    for (let i = 0; i < 3; i++) for (const type of ['Patient', 'Observation']) await get(`/fhir/${type}/invalid-value`);
    now += 60_000;
    await get('/fhir/Observation/invalid-value');
    for (const close of closing.splice(0, 1)) await close();
    const sums = new Map<string, number>();
    for (const { types = [], count = 1 } of await audited())
      sums.set(String(types), (sums.get(String(types)) ?? 0) + count);
    expect(Object.fromEntries(sums)).toEqual({ Patient: 3, Observation: 4 });
  });

  it('is answered although it cannot be recorded, and counts in the next record', async () => {
    const bearer = await token();
    log.faults.away = true;
    expect((await request(app, '/fhir/Patient/invalid-value', { token: bearer })).status).toBe(400);
    log.faults.away = false;
    now += 60_000;
    expect((await get('/fhir/Patient/invalid-value')).status).toBe(400);
    expect(await audited()).toMatchObject([{ reason: 'invalid-value', count: 2 }]);
  });

  it.each(['not-found', 'not-acceptable', 'too-many-requests', 'unavailable', 'too-costly'])(
    'that is %s is left to the code that decided it',
    async (kind) => {
      await get(`/fhir/Patient/${kind}`);
      expect(await audited()).toEqual([]);
      expect(lines).toEqual([]);
    },
  );

  it('of an operator is none of a client', async () => {
    expect((await request(app, '/ops/refused', { token: ADMINISTRATOR })).status).toBe(400);
    expect(await audited()).toEqual([]);
  });
});

describe('a request without a valid token', () => {
  const counts = async (): Promise<Record<string, number>> => {
    const text = await metrics.text();
    const rows = [
      ...text.matchAll(/^pa_unauthenticated_requests_total\{service="resources",reason="(\w+)"\} (\d+)$/gm),
    ];
    return Object.fromEntries(rows.map(([, reason, count]) => [reason, Number(count)]));
  };

  it('is counted by what is wrong, on routes of clients and of operators, and never audited', async () => {
    expect(await counts()).toEqual({ missing: 0, invalid: 0, limited: 0 });
    for (const [path, bearer] of [
      ['/fhir/Patient', undefined],
      ['/fhir/Patient', 'nonsense'],
      ['/ops/refused', undefined],
      ['/ops/refused', 'nonsense'],
      ['/ops/refused', await token()],
    ] as const)
      expect((await request(app, path, { token: bearer })).status, path).toBe(401);
    expect(await counts()).toEqual({ missing: 2, invalid: 3, limited: 0 });
    expect(await audited()).toEqual([]);
  });

  it('is counted when too many forged ones came from its address', async () => {
    const [head, claims] = (await token()).split('.') as [string, string];
    const forged = (n: number): string => `${head}.${claims}.${String(n).padStart(4, '0')}${'A'.repeat(82)}`;
    const statuses: number[] = [];
    for (let n = 0; n < 62; n++) statuses.push((await request(app, '/fhir/Patient', { token: forged(n) })).status);
    expect(statuses.slice(-2)).toEqual([429, 429]);
    expect(await counts()).toEqual({ missing: 0, invalid: 60, limited: 2 });
  });

  it('is in the log once a minute and reason, with the number since the line before, without the token', async () => {
    for (let i = 0; i < 20; i++) await request(app, '/fhir/Patient/m-000001', { token: 'secret', from: '192.0.2.7' });
    await request(app, '/fhir/Patient/m-000001');
    now += 60_000;
    await request(app, '/fhir/Patient', { token: 'secret', from: '2001:db8::1' });
    const line = { reason: 'invalid', method: 'GET', route: '/fhir/:type/:id', address: '192.0.2.7', requests: 1 };
    expect(lines).toEqual([
      line,
      { ...line, reason: 'missing', address: '127.0.0.1' },
      { ...line, route: '/fhir/:kind', address: '2001:db8:0:0::/64', requests: 20 },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/secret|m-000001/);
  });
});

describe('an observer that fails', () => {
  it('leaves the answer as it is', async () => {
    const { refusals } = app.getHttpAdapter().getInstance().operations!;
    refusals.refused = () => Promise.reject(new TypeError('a fault of ours'));
    expect((await get('/fhir/Patient/invalid-value')).status).toBe(400);
    expect(lines).toEqual([{ error: 'TypeError' }]);
  });
});
