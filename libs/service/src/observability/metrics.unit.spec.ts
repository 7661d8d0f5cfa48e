import perfHooks from 'node:perf_hooks';
import { expect, test, vi } from 'vitest';
import { METRICS, type MetricDefinition } from './catalogue.ts';
import { Metrics } from './metrics.ts';

const ALL = Object.entries<MetricDefinition>(METRICS);

test.each(ALL)('%s has a name and a help text as Prometheus asks for', (name, { type, help, labels, buckets }) => {
  expect(name).toMatch(/^(pa|http_server)_[a-z0-9_]+$/);
  expect(name.endsWith('_total')).toBe(type === 'counter');
  expect(help).toMatch(/^[A-Z0-9][^\n]{8,}[^.]$/);
  expect(
    labels.filter((label) => !/^[a-z]+$/.test(label) || ['le', 'quantile', 'job', 'instance'].includes(label)),
  ).toEqual([]);
  expect(buckets !== undefined).toBe(type === 'histogram');
  expect([...(buckets ?? [])].toSorted((a, b) => a - b)).toEqual(buckets ?? []);
});

test('a counter counts, a histogram observes, a gauge moves', async () => {
  const metrics = new Metrics({ process: true });
  metrics.count('pa_intake_events_total', { service: 'resources', outcome: 'recorded' }, 2);
  metrics.count('pa_intake_events_total', { service: 'resources', outcome: 'recorded' }, 3);
  metrics.count('pa_tokens_issued_total');
  metrics.request('resources', 'GET', '/fhir/:type/:id', 200, 12);
  metrics.move('http_server_active_requests', { service: 'auth' }, 2);
  metrics.move('http_server_active_requests', { service: 'auth' }, -1);
  const text = await metrics.text();
  expect(text).toContain('pa_intake_events_total{service="resources",outcome="recorded"} 5');
  expect(text).toContain('pa_tokens_issued_total 1');
  expect(text).toContain(
    'http_server_request_duration_seconds_bucket{le="0.02",service="resources",method="GET",' +
      'route="/fhir/:type/:id",status="200"} 1',
  );
  expect(text).toContain('http_server_active_requests{service="auth"} 1');
  expect(text).toMatch(/process_resident_memory_bytes \d+/);
  expect(text).toMatch(/nodejs_eventloop_lag_p99_seconds \d/);
});

test('a gauge without labels that cannot be read has no sample, and not 0', async () => {
  const metrics = new Metrics();
  let known = false;
  metrics.read('pa_probe_last_success_timestamp_seconds', () => (known ? [{ labels: {}, value: 7 }] : []));
  expect(await metrics.text()).not.toMatch(/^pa_probe_last_success_timestamp_seconds /m);
  known = true;
  expect(await metrics.text()).toContain('pa_probe_last_success_timestamp_seconds 7');
});

test('invented values of callers become one label value', async () => {
  const metrics = new Metrics();
  for (let i = 0; i < 500; i++) metrics.request('resources', `M${i}`, `not a route ${i}`, 404, 1);
  for (let i = 0; i < 500; i++) metrics.request('resources', 'GET', `/route-${i}`, 200, 1);
  metrics.count('pa_token_refusals_total', { reason: 'made up' as 'jti' });
  const text = await metrics.text();
  expect(text).toContain(
    'http_server_request_duration_seconds_count{service="resources",method="other",route="other",status="404"} 500',
  );
  expect(text.match(/_count\{/g)!.length).toBeLessThan(160);
  expect(text).toContain('pa_token_refusals_total{reason="other"} 1');
});

test('a counter is there before its first event', async () => {
  const metrics = new Metrics();
  metrics.zero('pa_intake_events_total', { service: 'resources' });
  const text = await metrics.text();
  expect(text).toContain('pa_intake_events_total{service="resources",outcome="parked"} 0');
  expect(text).not.toContain('service="auth"');
});

test('a gauge of several series is read when scraped, and says nothing while it cannot be read', async () => {
  const metrics = new Metrics();
  let away = false;
  metrics.read('pa_view_builds', async () => {
    if (away) throw new Error('away');
    return [
      { labels: { view: 'a' }, value: 3 },
      { labels: { view: 'b' }, value: 0 },
    ];
  });
  const end = metrics.read('pa_view_builds', () => [{ labels: { view: 'a' }, value: 5 }]);
  expect(await metrics.text()).toMatch(/pa_view_builds\{view="a"\} 5\npa_view_builds\{view="b"\} 0/);
  end();
  expect(await metrics.text()).toContain('pa_view_builds{view="a"} 3');
  away = true;
  expect(await metrics.text()).not.toContain('pa_view_builds{');
});

test('all counters of a prefix are there from the start, and no other metric', async () => {
  const metrics = new Metrics({ enabled: true });
  metrics.zeroAll('pa_export_');
  const names = [...(await metrics.text()).matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(
    ([, name, type]) => `${name} ${type}`,
  );
  expect(names).toContain('pa_export_jobs_total counter');
  expect(names.filter((name) => !/^pa_export_\w+_total counter$/.test(name))).toEqual([]);
});

test('turned off it measures nothing', async () => {
  const metrics = new Metrics({ enabled: false, process: true });
  metrics.count('pa_tokens_issued_total');
  metrics.zero('pa_token_refusals_total');
  metrics.request('resources', 'GET', '/', 200, 1);
  metrics.read('pa_view_builds', () => [{ labels: { view: 'a' }, value: 5 }]);
  expect((await metrics.text()).trim()).toBe('');
});

test('the delay of the event loop is sampled 25 times a second, so that an idle process seldom wakes', () => {
  const sampled = vi.spyOn(perfHooks, 'monitorEventLoopDelay');
  new Metrics({ process: true });
  expect(sampled.mock.calls).toEqual([[{ resolution: 40 }]]);
  sampled.mockRestore();
});

test('an event loop that was not looked at since the scrape before has no mean', async () => {
  const metrics = new Metrics({ process: true });
  await metrics.text();
  const again = await metrics.text();
  expect(again).not.toMatch(/\bnan\b/i);
  expect(again).toMatch(/nodejs_eventloop_lag_seconds \S+/);
});
