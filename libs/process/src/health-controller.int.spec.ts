import { Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { alertName, ALERTS, conditionOf } from '@provider-access/domain/alerts';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { createServiceApp, type ReadinessCheck, type ServicePorts, systemClock } from '@provider-access/service/http';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { StaticTokens } from '@provider-access/smart';
import { afterEach, expect, test } from 'vitest';
import { ENGINE_CHECKS } from './health-controller.ts';
import { ServiceModule } from './service-module.ts';
import { request } from './testing/index.ts';

const ADMINISTRATOR = 'a'.repeat(43);
const PAYER = 'p'.repeat(43);
@Module({})
class TrialModule {}

interface Health {
  readonly service: string;
  readonly ready: boolean;
  readonly checks: readonly { readonly name: string; readonly ready: boolean; readonly detail?: string }[];
  readonly groups: readonly object[];
  readonly views: readonly object[];
  readonly alerts: readonly { readonly alert: string; readonly state: string; readonly found: readonly string[] }[];
}

let app: NestFastifyApplication;
const closing: (() => Promise<void>)[] = [];
async function start(metrics = new Metrics(), engineChecks: readonly ReadinessCheck[] = []): Promise<Metrics> {
  const log = openMemoryLog();
  const [views, state] = [openMemoryViews(), openMemoryState({ log })];
  const ports: ServicePorts = { log, views, state, clock: systemClock, logger: silentLogger, metrics };
  const staticTokens = new StaticTokens({ administrator: ADMINISTRATOR, payer: PAYER });
  const frame = ServiceModule.forRoot({ ports, staticTokens }, { name: 'consent' });
  const module = { module: TrialModule, imports: [frame] };
  app = await createServiceApp(module, { name: 'consent', ports });
  app.get<ReadinessCheck[]>(ENGINE_CHECKS, { strict: false }).push(...engineChecks);
  closing.push(
    () => app.close(),
    () => state.close(),
    () => log.close(),
  );
  return metrics;
}
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
const ask = (token?: string) => request(app, '/ops/health/consent', token === undefined ? {} : { token });
const health = async (): Promise<Health> => JSON.parse((await ask(ADMINISTRATOR)).body) as Health;
const stateOf = ({ alerts }: Health, name: string) => {
  const { state, found } = alerts.find(({ alert }) => alert === `ProviderAccess${name}`)!;
  return [state, ...found];
};

test('names each alert of the platform once, and what one look cannot know', async () => {
  await start();
  const found = await health();
  expect(found.alerts.map(({ alert }) => alert)).toEqual(ALERTS.map(alertName));
  for (const alert of ALERTS)
    expect(stateOf(found, alert.name)).toEqual([conditionOf(alert) === undefined ? 'ask-prometheus' : 'not-measured']);
});

test('an alert holds while its metric says so, with the sentence that Prometheus would send', async () => {
  const metrics = await start();
  metrics.set('pa_access_held_sources', {}, 0);
  metrics.set('pa_facts_age_seconds', { service: 'consent' }, 61);
  const found = await health();
  expect(stateOf(found, 'SourceDenied')).toEqual(['quiet']);
  expect(stateOf(found, 'FactsStale')).toEqual([
    'holds',
    'All processes of consent answer 503: their facts are 1m 1s old',
  ]);
  const one = found.alerts.find(({ alert }) => alert === 'ProviderAccessFactsStale');
  expect(one).toMatchObject({
    ...{ severity: 'page', for: '2m', runbook: '/docs/runbooks/ProviderAccessFactsStale.html' },
  });
});

test('answers 200 while an engine is away, and says which check fails', async () => {
  const away = { name: 'kafka', check: async () => ({ ready: false, detail: 'kafka does not answer' }) };
  const broken = { name: 'disk', check: () => Promise.reject(new Error('password=geheim')) };
  await start(new Metrics(), [away, broken]);
  const found = await health();
  expect(found).toMatchObject({ service: 'consent', ready: false });
  expect(found.checks).toEqual([
    { name: 'kafka', ready: false, detail: 'kafka does not answer' },
    { name: 'disk', ready: false, detail: 'the check failed' },
  ]);
});

test('lists the groups of the service alone, with records and age', async () => {
  const metrics = await start();
  const labels = { topic: 'payer.member-events', group: 'consent-intake' } as const;
  metrics.read('pa_log_lag_records', () => [
    { labels, value: 7 },
    { labels: { ...labels, group: 'resources-intake' }, value: 9 },
  ]);
  metrics.read('pa_log_oldest_unhandled_seconds', () => [{ labels, value: 12.5 }]);
  expect((await health()).groups).toEqual([{ ...labels, records: 7, seconds: 12.5 }]);
});

test('nothing is looked at for a caller who may not see it, and many callers share one look', async () => {
  let looks = 0;
  let checks = 0;
  const check = async () => {
    checks += 1;
    return { ready: true };
  };
  const metrics = await start(new Metrics(), [{ name: 'kafka', check }]);
  metrics.read('pa_access_held_sources', () => {
    looks += 1;
    return [{ labels: {}, value: 0 }];
  });
  expect((await ask()).status).toBe(401);
  expect((await ask(PAYER)).status).toBe(401);
  expect([looks, checks]).toEqual([0, 0]);
  await Promise.all(Array.from({ length: 20 }, () => health()));
  expect(looks).toBe(1);
});

test('without metrics, the checks still answer', async () => {
  await start(new Metrics({ enabled: false }));
  const { ready, alerts } = await health();
  expect(ready).toBe(true);
  expect(new Set(alerts.map(({ state }) => state))).toEqual(new Set(['ask-prometheus', 'not-measured']));
});
