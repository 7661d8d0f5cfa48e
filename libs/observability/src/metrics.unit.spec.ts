import { expect, test } from 'vitest';
import { Metrics, mergedText, processMetrics } from './metrics.ts';

test('metrics of several services become one exposition', async () => {
  const [a, b] = [new Metrics(), new Metrics()];
  a.count('pa_events_total', 'Events', { outcome: 'recorded' }, 2);
  b.count('pa_events_total', 'Events', { outcome: 'recorded' }, 3);
  a.request('resources', 'GET', '/fhir/:type/:id', 200, 12);
  b.request('auth', 'POST', '/auth/token', 401, 3);
  b.observe('pa_age_ms', 'Age', () => 7);
  const text = await mergedText([a, b, processMetrics()]);
  expect(text).toContain('pa_events_total{outcome="recorded"} 5');
  expect(text).toContain('http_server_request_duration_seconds_count{service="auth",method="POST",route="/auth/token",status="401"} 1');
  expect(text).toContain('pa_age_ms 7');
  expect(text).toMatch(/process_resident_memory_bytes \d+/);
  expect(text.match(/# TYPE http_server_request_duration_seconds/g)).toHaveLength(1);
});

test('a gauge of several series is read when scraped, and says nothing while it cannot be read', async () => {
  const metrics = new Metrics();
  let away = false;
  metrics.observeEach('view_lag_records', 'Lag', ['view'], async () => {
    if (away) throw new Error('away');
    return [{ labels: { view: 'a' }, value: 3 }, { labels: { view: 'b' }, value: 0 }];
  });
  expect(await metrics.text()).toMatch(/view_lag_records\{view="a"\} 3\nview_lag_records\{view="b"\} 0/);
  away = true;
  expect(await metrics.text()).not.toContain('view_lag_records{');
});
