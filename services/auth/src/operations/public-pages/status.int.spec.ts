import { PA_SERVICE_LEVELS, PROBE_STEPS, type ProbeReported } from '@provider-access/events';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import type { State } from '@provider-access/engines/state';
import { openEmbeddedState } from '@provider-access/engines/state/embedded';
import { type Projection, ProjectionSet } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { freshness, LevelLedger, serviceLevels } from '@provider-access/levels';
import { request } from '@provider-access/process/testing';
import { READINESS, type ReadinessCheck, type ServicePorts } from '@provider-access/service/http';
import { Metrics } from '@provider-access/service/observability';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { authConfig, authSettings } from '../../config.ts';
import { Bench, type BenchOptions, NOW, prepare } from '../../../test/harness.ts';

/** Monday, 2027-01-04. */
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const iso = (ms: number): string => new Date(ms).toISOString();
const SOURCE = 'urn:secret-feed';

let bench: Bench | undefined;
let views: ServicePorts['views'];
let watched: ProjectionSet | undefined;
let reads = 0;
/** What every read of a view does first. */
let engine: () => Promise<void> = async () => undefined;

/** The views in memory, whose reads are counted and may fail. */
function openCounted(): ServicePorts['views'] {
  const memory = openMemoryViews();
  const own = memory.reader.bind(memory);
  memory.reader = (projection: Projection) => {
    const reader = own(projection);
    const { get, scan } = reader;
    reader.get = async (id) => {
      reads++;
      await engine();
      return get.call(reader, id);
    };
    reader.scan = async function* (query) {
      reads++;
      await engine();
      yield* scan.call(reader, query);
    };
    return reader;
  };
  return memory;
}
async function start(options: BenchOptions = {}): Promise<Bench> {
  const log = openMemoryLog({ partitions: 2, now: () => NOW });
  views = openCounted();
  bench = await Bench.start({ log, views, ...options });
  watched = new ProjectionSet({ log: bench.log, views, projections: [serviceLevels, freshness] });
  await watched.start();
  return bench;
}
const ledger = (): LevelLedger =>
  new LevelLedger({ log: bench!.log, clock: bench!.clock, metrics: new Metrics(), service: 'test' });
async function settled(): Promise<void> {
  const head = await bench!.log.head([PA_SERVICE_LEVELS]);
  for (const view of [serviceLevels, freshness]) expect(await views.reader(view).waitFor(head, 60_000)).toBe(true);
}
const get = (url = '/status', headers: Record<string, string> = {}) => request(bench!.app, url, { headers });
const status = async () => {
  bench!.clock.ms += MINUTE;
  const { status: code, body } = await get('/status?format=json');
  expect(code).toBe(200);
  return JSON.parse(body) as Record<string, unknown>;
};
/** A run of the probe that ended at a step, or passed. */
const run = (at: number, failed?: ProbeReported['failed']): ProbeReported => {
  const taken = PROBE_STEPS.slice(0, failed === undefined ? undefined : PROBE_STEPS.indexOf(failed) + 1);
  const steps = taken.map((step) => ({ step, ok: step !== failed, ms: 1 }));
  return { at: iso(at), ok: failed === undefined, ...(failed !== undefined && { failed }), steps };
};
/** Events of a feed became visible, the newest of them as old. */
const heard = (newest: number, next = 1) =>
  ledger().measured({
    scope: 'payer.member-events/0',
    from: next - 1,
    next,
    endedAt: iso(NOW),
    calendar: { timeZone: 'America/New_York', days: ['mon'], holidays: [] },
    days: [],
    feeds: [{ source: SOURCE, type: 'Observation', newest, days: [{ day: '2027-01-04', took: [[1000, 1]] }] }],
  });
/** A claim was accepted, and no search has it yet. */
const accepted = (oldest: number) =>
  ledger().started({
    scope: 'payer.member-events/1',
    from: 0,
    next: 1,
    starts: [{ objective: 'claims-visible', offset: 0, at: oldest }],
  });

beforeAll(prepare);
afterEach(async () => {
  engine = async () => undefined;
  await watched?.stop();
  await bench?.stop();
  bench = watched = undefined;
});

describe('/status', () => {
  test.each([
    ['/status', {}, 'en', 'The platform answers.'],
    ['/status', { 'accept-language': 'es-US,es;q=0.9' }, 'es', 'La plataforma responde.'],
    ['/status?lang=es', { 'accept-language': 'en', accept: 'text/html' }, 'es', 'La plataforma responde.'],
    ['/status?format=html', { accept: 'application/json' }, 'en', 'The platform answers.'],
    ['/status?format=<script>', { accept: 'text/html,application/json' }, 'en', 'The platform answers.'],
  ] as const)('%s with %o is a page in %s', async (url, headers, language, words) => {
    await start();
    const answer = await get(url, headers);
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-language': language,
        vary: 'accept, accept-language',
        'cache-control': 'public, max-age=10',
        'referrer-policy': 'no-referrer',
      },
    });
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
    expect(answer.body).toContain(`<html lang="${language}">`);
    expect(answer.body).toContain(words);
    expect(answer.body).not.toMatch(/<script|\sstyle=|\son\w+=|<iframe|<img|<form|url\(/);
  });

  test('shows what the operator has to say, as text alone, on the page and in JSON', async () => {
    const statusNotice = 'Maintenance on Sunday, 02:00 to 03:00 UTC. <script>alert(1)</script> & "more"';
    await start({ config: { statusNotice } });
    for (const language of ['en', 'es']) {
      const { body } = await get(`/status?lang=${language}`);
      expect(body).toContain('Sunday, 02:00 to 03:00 UTC. &lt;script>alert(1)&lt;/script> &amp; &quot;more&quot;');
      expect(body).not.toContain('<script');
    }
    expect(await status()).toMatchObject({ status: 'available', notice: statusNotice });
  });

  test('shows no notice where the operator has none', async () => {
    await start();
    expect(await status()).not.toHaveProperty('notice');
  });

  test.each([
    ['', undefined],
    ['   ', undefined],
    [' At 02:00 UTC. ', 'At 02:00 UTC.'],
  ])('STATUS_NOTICE %j is %j', (STATUS_NOTICE, notice) => {
    const settings = authSettings.parse({ PUBLIC_URL: 'https://payer.example', STATUS_NOTICE });
    expect(authConfig(settings).statusNotice).toBe(notice);
  });

  test('STATUS_NOTICE has at most 500 characters, and none that hides or turns others', () => {
    const parsed = (STATUS_NOTICE: string) =>
      authSettings.safeParse({ PUBLIC_URL: 'https://payer.example', STATUS_NOTICE }).success;
    expect(parsed('x'.repeat(500))).toBe(true);
    expect(['x'.repeat(501), 'a\nb', 'a\u202eb', 'a\u0000'].map(parsed)).toEqual([false, false, false, false]);
  });

  test('takes GET and HEAD alone', async () => {
    await start();
    const head = await request(bench!.app, '/status', { method: 'HEAD' });
    expect([head.status, head.body]).toEqual([200, '']);
    expect([404, 405]).toContain((await request(bench!.app, '/status', { method: 'POST' })).status);
  });

  test('is JSON for monitors, by Accept or ?format=json', async () => {
    await start();
    const byAccept = await get('/status', { accept: 'application/json' });
    expect(byAccept.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      vary: 'accept, accept-language',
    });
    expect(JSON.parse(byAccept.body)).toEqual({
      at: iso(NOW),
      status: 'available',
      parts: { tokens: 'available', reads: 'available', exports: 'available' },
      data: { status: 'none' },
    });
    expect((await get('/status?format=json', { accept: 'text/html' })).body).toBe(byAccept.body);
  });

  test('looks once for 50 strangers, and again after some seconds', async () => {
    await start();
    reads = 0;
    await get();
    const once = reads;
    expect(once).toBeGreaterThan(0);
    bench!.clock.ms += MINUTE;
    reads = 0;
    await Promise.all(Array.from({ length: 50 }, (_, i) => get(i % 2 === 0 ? '/status?lang=es' : '/status?x')));
    bench!.clock.ms += 9_999;
    await get();
    expect(reads).toBe(once);
    bench!.clock.ms += 1;
    await get();
    expect(reads).toBe(2 * once);
  });
});

describe('what /status says of the parts', () => {
  test.each([
    [undefined, 'available', { tokens: 'available', reads: 'available', exports: 'available' }],
    ['token', 'failing', { tokens: 'failing', reads: 'available', exports: 'available' }],
    ['search', 'failing', { tokens: 'available', reads: 'failing', exports: 'available' }],
    ['download', 'failing', { tokens: 'available', reads: 'available', exports: 'failing' }],
    // The probe's own duties are no part of the API.
    ['clean-up', 'available', { tokens: 'available', reads: 'available', exports: 'available' }],
  ] as const)('the last run of the probe ended at %s', async (failed, overall, parts) => {
    await start();
    await ledger().probed(run(NOW - HOUR));
    await ledger().probed(run(NOW - 5 * MINUTE, failed));
    await settled();
    expect(await status()).toMatchObject({
      status: overall,
      parts,
      tested: {
        at: iso(NOW - 5 * MINUTE),
        passed: failed === undefined,
        lastPassed: iso(failed === undefined ? NOW - 5 * MINUTE : NOW - HOUR),
      },
    });
    const page = await get('/status?lang=en');
    if (failed !== undefined) expect(page.body).toContain(`<time datetime="${iso(NOW - HOUR)}">`);
    expect(page.body).not.toContain('clean-up');
  });

  test('a run of the probe that is old says nothing of now', async () => {
    await start();
    await ledger().probed(run(NOW - 31 * MINUTE, 'search'));
    await settled();
    expect(await status()).toMatchObject({ status: 'available', tested: { passed: false } });
    expect((await get()).body).toContain('No test ran in the last 30 minutes.');
  });

  test('a service without a process is not available', async () => {
    const log = openMemoryLog({ partitions: 2, now: () => NOW });
    const state: State = openEmbeddedState({ file: ':memory:', log, now: () => NOW });
    const there = (service: string) =>
      state.presence.announce('parties', `${service}/1`, { position: {}, derived: {} }, DAY);
    await start({ log, state, presence: { port: state.presence, holder: 'auth/1', everyMs: 5 } });
    await there('resources');
    expect(await status()).toMatchObject({
      status: 'not-available',
      parts: { tokens: 'available', reads: 'not-available', exports: 'not-available' },
    });
    await there('attribution');
    expect((await status())['parts']).toMatchObject({ reads: 'available', exports: 'not-available' });
    await there('export');
    expect(await status()).toMatchObject({ status: 'available' });
    await watched!.stop();
    await bench!.stop();
    bench = watched = undefined;
    await state.close();
  });

  test('auth that is not ready gives no tokens, and the page names no check', async () => {
    await start();
    const checks = bench!.app.get<ReadinessCheck[]>(READINESS);
    checks.push({ name: 'kafka-7.internal', check: async () => ({ ready: false, detail: 'secret detail' }) });
    expect(await status()).toMatchObject({ status: 'not-available', parts: { tokens: 'not-available' } });
    const { body } = await get('/status');
    expect(body).toContain('Not available');
    expect(body).not.toMatch(/kafka-7|secret/);
  });

  test.each([
    ['fails', () => Promise.reject(new Error('mongodb://secret.internal refused'))],
    ['never answers', () => new Promise<void>(() => undefined)],
  ])('an engine that %s is "not available", and no error', async (how, broken) => {
    await start({ config: { statusWithinMs: 20 } });
    engine = broken;
    expect(await status()).toMatchObject({
      status: 'not-available',
      parts: { reads: 'not-available', exports: 'not-available' },
      data: { status: 'unknown' },
    });
    const page = await get();
    expect(page.status).toBe(200);
    expect(page.body).toContain('A part of the platform is not available.');
    expect(page.body).not.toContain('secret');
    reads = 0;
    // A look that hangs is the only one.
    if (how === 'never answers') {
      await status();
      expect(reads).toBe(0);
    }
  });
});

describe('what /status says of the data', () => {
  test('up to date, if events became visible within the last business day', async () => {
    await start();
    await heard(NOW - HOUR);
    await settled();
    expect((await status())['data']).toEqual({ status: 'fresh' });
    const { body } = await get();
    expect(body).toContain('The data is up to date.');
    expect(body).not.toContain(SOURCE);
    expect(body).not.toContain('Observation');
  });

  test('quiet, if nothing came for longer: since the hour of the newest event', async () => {
    await start();
    // Thursday 09:10 New York time; its business day ends on Friday 09:10.
    await heard(Date.parse('2026-12-31T14:10:11.123Z'));
    await settled();
    expect((await status())['data']).toEqual({ status: 'quiet', since: '2026-12-31T14:00:00.000Z' });
    expect((await get('/status?lang=es')).body).toContain('<time datetime="2026-12-31T14:00:00.000Z">');
  });

  test('late, if a claim that was accepted is not visible when its business day is over', async () => {
    await start();
    await heard(NOW - HOUR);
    await accepted(Date.parse('2026-12-31T14:10:11.123Z'));
    await settled();
    expect((await status())['data']).toEqual({ status: 'late', since: '2027-01-01T14:00:00.000Z' });
    expect((await get()).body).toContain('Some data is late');
  });

  test('not late yet, while the business day of the claim goes on', async () => {
    await start();
    await heard(NOW - HOUR);
    // Friday 09:10 in New York: due on Monday 09:10, which is later than Monday 07:00.
    await accepted(Date.parse('2027-01-01T14:10:00.000Z'));
    await settled();
    expect((await status())['data']).toEqual({ status: 'fresh' });
  });
});
