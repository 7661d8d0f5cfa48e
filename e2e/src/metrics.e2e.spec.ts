import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PlatformProcess } from '@provider-access/cli';
import { syntheticPayer } from '@provider-access/synthetic';
import { clientAssertion, eventually, exchange, form } from '@provider-access/testing';
import { variant } from '@provider-access/testing/variant';
import { freshPlatform, publishAll, registerApp, type TestApp } from './harness.ts';
import { AS_OF, findGroup, http, kickOff, optOut, payerEvent, sealed, tell, texts } from './road.ts';
import { documentedMetrics, parseExposition, undocumented, type Family } from './telemetry/exposition.ts';

/** Metrics that these scenarios on the standalone do not show, and why. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  pa_feed_silence_ratio: 'only with EXPECTED_FEEDS',
  pa_memory_limit_bytes: 'only with a limit',
  pa_probe_last_success_timestamp_seconds: 'once the probe has walked',
  pa_probe_step_duration_seconds: 'once the probe has walked',
};
/** Aggregates of gauges that exist for Node only. */
const OF_NODE = /^(nodejs|process)_/;

/** Sends bytes that no client of Node sends by itself. */
function raw(base: string, method: string, path: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(base + path, { method, headers }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode!));
    });
    call.on('error', reject).end();
  });
}

describe('metrics of the road', () => {
  const payer = syntheticPayer({ seed: '1', members: 10, asOf: AS_OF });
  const [{ npi, tin }] = payer.providerOrganizations.toSorted(
    (a, b) => [...payer.ledger.visibleMembers(b.npi)].length - [...payer.ledger.visibleMembers(a.npi)].length,
  ) as [(typeof payer.providerOrganizations)[number]];
  const members = [...payer.ledger.visibleMembers(npi)].map(({ member }) => member);
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let platform: PlatformProcess;
  let app: TestApp;
  let families: Map<string, Family>;
  let downloaded = 0;

  const exposed = async (): Promise<string> => {
    const answer = await http(`${platform.base}/metrics`);
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    return answer.body.toString('utf8');
  };
  /**
   * Callers share one answer a second. This waits for the next one, which was made after the call. No two are equal,
   * because the process uses time.
   */
  const scrape = async (): Promise<Map<string, Family>> => {
    const shared = await exposed();
    return parseExposition(
      await eventually(async () => {
        const next = await exposed();
        return next !== shared && next;
      }),
    );
  };
  const value = (name: string, labels: Readonly<Record<string, string>> = {}, part = name): number => {
    const found = (families.get(name)?.samples ?? []).filter(
      (s) => s.name === part && Object.entries(labels).every(([label, v]) => s.labels[label] === v),
    );
    expect(found.length, `${part} ${JSON.stringify(labels)}`).toBeGreaterThan(0);
    return found.reduce((sum, s) => sum + s.value, 0);
  };

  beforeAll(async () => {
    fresh = await freshPlatform({ env: { EXPORT_POLLS_PER_MINUTE: '1000000' } });
    platform = fresh.platform();
    await publishAll(platform, payer.events());
    app = await registerApp(platform, { name: 'Mine', npi, ...(tin !== undefined && { tin }) });
    const token = await app.tokens.get();
    const ask = (path: string): Promise<number> =>
      http(`${platform.base}${path}`, { token }).then(({ status }) => status);
    // Permitted requests, twice (caches), and refused ones.
    for (let i = 0; i < 2; i++) expect(await ask(`/fhir/Patient/${members[0]!}`)).toBe(200);
    expect(await ask(`/fhir/Condition?patient=${members[0]!}`)).toBe(200);
    expect(await ask('/fhir/Patient/nobody')).toBe(404);
    expect(
      (await http(`${platform.base}/auth/token`, exchange(clientAssertion(app, 'https://elsewhere.example')))).status,
    ).toBe(401);
    const group = (await findGroup(platform, token, npi)).id;
    const files = await texts(await sealed(await kickOff(platform, token, group), token), token);
    downloaded = [...files.values()].reduce((n, text) => n + Buffer.byteLength(text), 0);
    // A dead letter, a refused event, an opt-out.
    expect(await tell(platform, payerEvent('payer.member-opted-out.v1', 'm-x', { scope: 'nonsense' }))).toMatchObject({
      status: expect.stringMatching(/parked/),
    });
    expect(
      await tell(platform, { ...payerEvent('payer.resource-recorded.v1', 'm-x', {}), time: 'noon' }),
    ).toMatchObject({ status: 'refused' });
    expect(await tell(platform, optOut(members.at(-1)!))).toMatchObject({ status: 'effective' });
    await eventually(async () => (await scrape()).has('pa_opt_out_effect_seconds'), { interval: 250 });
    // Gauges come from answers that may be some seconds old.
    await eventually(async () => (await scrape()).get('pa_dead_letters_open')!.samples.some((s) => s.value > 0), {
      interval: 1000,
    });
    families = await scrape();
  });
  afterAll(() => fresh?.dispose());

  test('every metric of the table has samples, and nothing else is there', () => {
    const missing = Object.keys(documentedMetrics()).filter(
      (name) => !(name in ELSEWHERE) && !OF_NODE.test(name) && (families.get(name)?.samples.length ?? 0) === 0,
    );
    expect(missing).toEqual([]);
    expect(undocumented(families)).toEqual([]);
  });

  test('rate, errors and duration by route and operation', () => {
    const requests = (labels: Record<string, string>): number =>
      value('http_server_request_duration_seconds', labels, 'http_server_request_duration_seconds_count');
    expect(requests({ service: 'resources', method: 'GET', route: '/fhir/:type/:id', status: '200' })).toBe(2);
    expect(requests({ service: 'resources', route: '/fhir/:type/:id', status: '404' })).toBe(1);
    expect(requests({ service: 'auth', method: 'POST', route: '/auth/token', status: '401' })).toBe(1);
    expect(requests({ service: 'export' })).toBeGreaterThan(2);
    expect(value('http_server_active_requests')).toBe(0);
  });

  test('the records of the log, and no lag', async () => {
    expect(value('pa_log_appended_total', { topic: 'payer.member-events' })).toBeGreaterThan(100);
    expect(value('pa_log_handled_total', { topic: 'payer.member-events', group: 'resources-intake' })).toBe(
      value('pa_log_appended_total', { topic: 'payer.member-events' }),
    );
    expect(value('pa_log_append_failures_total')).toBe(0);
    await expect
      .poll(async () => (await scrape()).get('pa_log_lag_records')!.samples.filter((s) => s.value > 0), {
        interval: 1000,
      })
      .toEqual([]);
    families = await scrape();
    for (const name of ['pa_log_oldest_unhandled_seconds', 'pa_view_lag_records', 'pa_view_freshness_seconds'])
      expect([name, value(name)]).toEqual([name, 0]);
    // Five services in one process: values that two of them report are not added up.
    expect(new Set(families.get('pa_view_builds')!.samples.map((s) => s.value))).toEqual(new Set([1]));
    expect(value('pa_engine_reachable', { engine: 'embedded' })).toBe(1);
    expect(
      families
        .get('pa_facts_age_seconds')!
        .samples.map((s) => s.labels['service'])
        .toSorted(),
    ).toEqual(['attribution', 'consent', 'export', 'resources']);
  });

  test('events by what became of them', () => {
    expect(value('pa_intake_events_total', { service: 'resources', outcome: 'recorded' })).toBeGreaterThan(50);
    expect(value('pa_intake_events_total', { service: 'resources', outcome: 'refused' })).toBe(1);
    expect(value('pa_intake_events_total', { service: 'consent', outcome: 'parked' })).toBe(1);
    expect(value('pa_dead_letters_open', { service: 'consent', topic: 'payer.member-events.dead-letter' })).toBe(1);
  });

  test('the export: jobs, chunks, resources, bytes', () => {
    expect(value('pa_export_jobs_total', { outcome: 'completed' })).toBe(1);
    expect(value('pa_export_jobs', { state: 'queued' }) + value('pa_export_jobs', { state: 'running' })).toBe(0);
    expect(value('pa_export_chunks')).toBe(0);
    expect(value('pa_export_chunks_total', { outcome: 'written' })).toBeGreaterThan(0);
    expect(value('pa_export_chunks_total', { outcome: 'failed' })).toBe(0);
    expect(value('pa_export_duration_seconds', { outcome: 'completed' }, 'pa_export_duration_seconds_count')).toBe(1);
    expect(
      value('pa_export_duration_seconds', { outcome: 'completed' }, 'pa_export_duration_seconds_sum'),
    ).toBeGreaterThan(0);
    expect(value('pa_export_written_resources_total')).toBeGreaterThan(10);
    expect(value('pa_export_written_bytes_total')).toBeGreaterThan(1000);
    expect(value('pa_export_downloaded_bytes_total')).toBe(downloaded);
  });

  test('access: tokens, disclosures, refusals, opt-outs, caches', () => {
    expect(value('pa_tokens_issued_total')).toBe(1);
    expect(value('pa_token_refusals_total', { reason: 'aud' })).toBe(1);
    expect(value('pa_disclosures_total', { kind: 'read' })).toBe(2);
    expect(value('pa_disclosures_total', { kind: 'download' })).toBeGreaterThan(2);
    expect(
      value('pa_refusals_total', { reason: 'unknown-resource' }) + value('pa_refusals_total', { reason: 'token' }),
    ).toBe(2);
    expect(value('pa_access_decisions_total', { purpose: 'read', outcome: 'permit' })).toBe(2);
    expect(value('pa_opt_out_effect_seconds', { le: '+Inf' }, 'pa_opt_out_effect_seconds_bucket')).toBeGreaterThan(0);
    for (const cache of ['access-token', 'view-document'])
      expect(value('pa_cache_requests_total', { cache, result: 'hit' }), cache).toBeGreaterThan(0);
  });

  test('whatever a client sends, the number of series stays', async () => {
    const count = (of: ReadonlyMap<string, Family>): number =>
      [...of.values()].filter(({ name }) => !OF_NODE.test(name)).reduce((n, { samples }) => n + samples.length, 0);
    // One of each kind first, which adds all the series that it may.
    const garbage = async (i: number): Promise<void> => {
      const id = `x${i}y`;
      await Promise.all([
        raw(platform.base, 'GET', `/${id}/${id}?${id}=${id}`),
        raw(platform.base, 'GET', `/fhir/${id}`),
        raw(platform.base, 'GET', `/fhir/Patient/${id}/${id}`),
        raw(platform.base, 'GET', `/fhir/Patient/${id}`, { authorization: `Bearer ${id}` }),
        raw(platform.base, 'GET', `/events/receipts/${id}`),
        raw(platform.base, 'POST', `/auth/clients/${id}/approve`),
        http(`${platform.base}/auth/token`, form({ grant_type: id, client_id: id })),
        http(`${platform.base}/auth/token`, exchange(clientAssertion(app, platform.base, { iss: id, sub: id }), id)),
      ]);
    };
    const METHODS = [
      'PROPFIND',
      'MKCOL',
      'REPORT',
      'TRACE',
      'LOCK',
      'PURGE',
      'SEARCH',
      'SUBSCRIBE',
      'PUT',
      'DELETE',
      'PATCH',
      'OPTIONS',
      'HEAD',
    ];
    for (const method of METHODS) await raw(platform.base, method, '/fhir/Patient/x');
    // More than an address may send. Answers above that limit are 429, and have series of their own.
    for (let i = 0; i < 40; i++) await garbage(0);
    const before = count(await scrape());
    for (let i = 1; i <= (variant.long ? 500 : 50); i++) {
      await garbage(i);
      await raw(platform.base, METHODS[i % METHODS.length]!, `/fhir/Patient/x${i}`);
    }
    families = await scrape();
    expect(count(families)).toBe(before);
    expect(count(families)).toBeLessThan(2500);
    expect(undocumented(families)).toEqual([]);
    expect(JSON.stringify([...families.values()])).not.toMatch(/x\d+y/);
  });
});

test('METRICS=false: nothing is measured, and there is no route', async () => {
  const fresh = await freshPlatform({ env: { METRICS: 'false' } });
  try {
    expect((await http(`${fresh.platform().base}/metrics`)).status).toBe(404);
    expect((await http(`${fresh.platform().base}/fhir/metadata`)).status).toBe(200);
  } finally {
    await fresh.dispose();
  }
});
