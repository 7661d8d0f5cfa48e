import { Controller, Get, Inject, Module, type OnModuleInit, type Provider } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { eventually } from '@provider-access/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { Audit } from '@provider-access/audit';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { BusinessCalendar } from '@provider-access/domain/pdex/service-levels';
import type { Batch } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { type Projection, ProjectionSet } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { Facts, FACTS_PROJECTIONS } from '@provider-access/facts';
import {
  createServiceApp,
  PORTS,
  READINESS,
  type ReadinessCheck,
  type ServicePorts,
  systemClock,
} from '@provider-access/service/http';
import { MEMBER_HASH, Metrics, silentLogger } from '@provider-access/service/observability';
import { STATIC_TOKENS, StaticTokens } from '@provider-access/smart';
import { consumer, ServiceModule, type ServiceRuntime, type ServiceSettings } from './service-module.ts';
import { request } from './testing/index.ts';

const ADMINISTRATOR = 'a'.repeat(43);
const counted: Projection = {
  owner: 'consent',
  name: 'counted',
  version: 1,
  indexes: [],
  topics: { 't.counted': { part: 'count', keys: ({ key }) => [key], evolve: () => ({}) } },
};

/** The parts of the frame that were ready when the service itself started. */
let readyAtStart: readonly boolean[] = [];
@Controller()
class EchoController {
  @Get('echo')
  echo(): string {
    return 'here';
  }
}
@Module({})
class TrialModule implements OnModuleInit {
  constructor(@Inject(READINESS) private readonly checks: ReadinessCheck[]) {}
  async onModuleInit(): Promise<void> {
    readyAtStart = (await Promise.all(this.checks.map((check) => check.check()))).map(({ ready }) => ready);
    this.checks.push({ name: 'own', check: async () => ({ ready: true }) });
  }
}

let app: NestFastifyApplication | undefined;
let ports: ServicePorts;
let closing: (() => Promise<void>)[] = [];
async function start(
  settings: Partial<ServiceSettings> = {},
  runtime: Partial<ServiceRuntime> = {},
  providers: Provider[] = [],
) {
  const log = openMemoryLog();
  const [views, state] = [openMemoryViews(), openMemoryState({ log })];
  ports = { log, views, state, clock: systemClock, logger: silentLogger, metrics: new Metrics() };
  const facts = new ProjectionSet({ log, views, projections: FACTS_PROJECTIONS });
  await facts.start();
  closing = [() => facts.stop(), () => state.close(), () => log.close()];
  app = await createServiceApp(
    {
      module: TrialModule,
      imports: [ServiceModule.forRoot({ ports, ...runtime }, { name: 'consent', ...settings })],
      controllers: [EchoController],
      providers,
    },
    { name: 'consent', ports },
  );
  return app;
}
afterEach(async () => {
  await app?.close();
  for (const close of closing.splice(0)) await close();
});
const has = (token: unknown): boolean => {
  try {
    app!.get(token as symbol, { strict: false });
    return true;
  } catch {
    return false;
  }
};
const admitsApps = (): boolean => app!.getHttpAdapter().getInstance().operations!.authenticator !== undefined;
const checks = (): string[] => app!.get<ReadinessCheck[]>(READINESS, { strict: false }).map(({ name }) => name);

describe('the frame of a service', () => {
  test('provides ports, audit, tokens, calendar and days, and nothing that its settings do not ask for', async () => {
    await start({}, { staticTokens: new StaticTokens({ administrator: ADMINISTRATOR }) });
    for (const token of [PORTS, Audit, STATIC_TOKENS, MEMBER_HASH, BusinessCalendar, PayerDays])
      expect(has(token), String(token)).toBe(true);
    expect(has(Facts)).toBe(false);
    expect(admitsApps()).toBe(false);
    expect(checks()).toEqual(['own']);
    expect((await request(app!, '/ops/views/consent')).status).toBe(401);
    const { status, body } = await request(app!, '/ops/views/consent', { token: ADMINISTRATOR });
    expect([status, JSON.parse(body)]).toEqual([200, { views: [] }]);
  });

  test('starts views and facts before the service, and lists the check of each', async () => {
    await start({ facts: { boundMs: 60_000 }, projections: [counted], publicUrl: 'https://pa.example' });
    expect(readyAtStart).toEqual([true, true]);
    expect(checks()).toEqual(['facts', 'views', 'own']);
    expect(admitsApps()).toBe(true);
    await ports.log.append('t.counted', [{ key: 'a', partitionKey: 'a', headers: { ce_type: 'x' }, value: '{}' }]);
    const reader = ports.views.reader(counted);
    expect(await reader.waitFor(await ports.log.head(['t.counted']), 60_000)).toBe(true);
    expect(await reader.get('a')).toEqual({ _id: 'a', count: {} });
  });

  test('passes the bound of the settings to the facts', async () => {
    await start({ facts: { boundMs: 12_345 } });
    expect(app!.get(Facts, { strict: false }).freshness.boundMs).toBe(12_345);
    expect(admitsApps()).toBe(false);
  });

  test('shows views to administrators only', async () => {
    await start({ projections: [counted] }, { staticTokens: new StaticTokens({ administrator: ADMINISTRATOR }) });
    expect((await request(app!, '/ops/views/consent')).status).toBe(401);
    const { status, body } = await request(app!, '/ops/views/consent', { token: ADMINISTRATOR });
    expect([status, JSON.parse(body)]).toMatchObject([200, { views: [{ view: 'consent_counted_v1' }] }]);
  });

  test('answers an unknown path with 404 for any media type', async () => {
    await start();
    const call = { method: 'POST', headers: { 'content-type': 'text/strange' }, body: 'x' } as const;
    expect((await request(app!, '/nothing', call)).status).toBe(404);
    expect(await request(app!, '/echo')).toMatchObject({ status: 200, body: 'here' });
  });

  test('calls the hook of the settings with the HTTP server', async () => {
    const seen: string[] = [];
    await start({ http: (fastify) => void fastify.addHook('onRequest', async ({ url }) => void seen.push(url)) });
    await request(app!, '/echo');
    expect(seen).toEqual(['/echo']);
  });

  test('starts background jobs after views, and stops them in the opposite order before', async () => {
    const seen: string[] = [];
    const passes = async (key: string): Promise<boolean> => {
      await ports.log.append('t.counted', [{ key, partitionKey: key, headers: { ce_type: 'x' }, value: '{}' }]);
      return ports.views.reader(counted).waitFor(await ports.log.head(['t.counted']), 60_000);
    };
    const job = (name: string) => ({
      start: async () => void seen.push(`start ${name}, views ${await passes(name)}`),
      stop: async () => void seen.push(`stop ${name}, views ${await passes(name)}`),
    });
    const providers = ['a', 'b'].map((name) => ({ provide: name, useFactory: () => job(name) }));
    await start({ projections: [counted], jobs: ['a', 'b'] }, {}, providers);
    expect(seen).toEqual(['start a, views true', 'start b, views true']);
    await app!.close();
    app = undefined;
    expect(seen.slice(2)).toEqual(['stop b, views true', 'stop a, views true']);
  });

  test('consumes the log from the start of its jobs on, and closes when no handler runs any more', async () => {
    const seen: string[] = [];
    const first = Promise.withResolvers<void>();
    class Intake {
      assigned(): void {
        seen.push('assigned');
      }
      async handle({ records }: Batch): Promise<void> {
        seen.push(...records.map(({ key }) => key));
        await first.promise;
      }
    }
    const group = { group: 'consent-trial', topics: ['t.counted'] };
    const append = (key: string) =>
      ports.log.append('t.counted', [{ key, partitionKey: 'a', headers: { ce_type: 'x' }, value: '{}' }]);
    const job = { start: async () => void (await append('a')), stop: () => void seen.push('job ended') };
    const consumers: ServiceSettings['consumers'] = (get) => [consumer(group, get(Intake))];
    await start({ jobs: ['job'], consumers }, {}, [Intake, { provide: 'job', useValue: job }]);
    await eventually(() => seen.includes('a'));
    const closing = app!.close().then(() => seen.push('closed'));
    app = undefined;
    await eventually(() => seen.includes('job ended'));
    expect(seen).toEqual(['assigned', 'a', 'job ended']);
    first.resolve();
    await closing;
    await append('b');
    expect(seen).toEqual(['assigned', 'a', 'job ended', 'closed']);
    expect((await ports.log.committed('consent-trial', ['t.counted']))['t.counted']).toContain(1);
  });

  test('stops its views when the service closes', async () => {
    await start({ projections: [counted] });
    await app!.close();
    app = undefined;
    await ports.log.append('t.counted', [{ key: 'b', partitionKey: 'b', headers: { ce_type: 'x' }, value: '{}' }]);
    expect(await ports.views.reader(counted).waitFor(await ports.log.head(['t.counted']), 50)).toBe(false);
  });
});
