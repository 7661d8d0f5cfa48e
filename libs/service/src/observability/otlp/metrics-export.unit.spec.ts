import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import type { PushMetricExporter, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { type Logger, silentLogger } from '../logger.ts';
import { Metrics } from '../metrics.ts';
import { openTelemetry, TraceScopes } from '../tracing/index.ts';
import { MetricsExport } from './metrics-export.ts';
import { toMetricData, type PromMetric } from './metric-data.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
function measured(): Metrics {
  const metrics = new Metrics();
  metrics.count('pa_export_written_bytes_total', {}, 5);
  metrics.count('pa_intake_events_total', { service: 'resources', outcome: 'recorded' }, 3);
  metrics.read('pa_view_builds', () => [{ labels: { view: 'a' }, value: 2 }]);
  for (const seconds of [0.02, 0.02, 7, 300]) metrics.record('pa_opt_out_effect_seconds', {}, seconds);
  return metrics;
}
const base = {
  endpoint: 'http://127.0.0.1:9',
  headers: () => ({}),
  resource: {},
  version: '1',
  instance: 'i',
  service: 'resources',
  intervalMs: 60_000,
  metricIntervalMs: 60_000,
  logger: silentLogger,
};

test('counters, gauges and histograms are those of the registry', async () => {
  const metrics = measured();
  const data = toMetricData((await metrics.registry.getMetricsAsJSON()) as unknown as PromMetric[], 1000, 2500);
  const of = (name: string) => data.find((each) => each.descriptor.name === name)!;
  expect(of('pa_intake_events_total')).toMatchObject({
    isMonotonic: true,
    dataPoints: [
      {
        startTime: [1, 0],
        endTime: [2, 500_000_000],
        attributes: { service: 'resources', outcome: 'recorded' },
        value: 3,
      },
    ],
  });
  expect(of('pa_export_written_bytes_total').descriptor.unit).toBe('By');
  expect(of('pa_view_builds').dataPoints).toMatchObject([{ attributes: { view: 'a' }, value: 2 }]);
  expect(of('pa_opt_out_effect_seconds')).toMatchObject({
    descriptor: { unit: 's' },
    dataPoints: [
      {
        value: {
          count: 4,
          sum: 307.04,
          buckets: { boundaries: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 30], counts: [0, 2, 0, 0, 0, 0, 0, 0, 1, 1] },
        },
      },
    ],
  });
});

test('each export names its process, and one more comes at the end', async () => {
  const sent: ResourceMetrics[] = [];
  const exporter: Pick<PushMetricExporter, 'export' | 'shutdown'> = {
    export: (metrics, done) => {
      sent.push(metrics);
      done({ code: 0 });
    },
    shutdown: () => Promise.resolve(),
  };
  const sending = new MetricsExport(
    { ...base, resource: { 'deployment.environment.name': 'test' }, metrics: measured() },
    exporter,
  );
  await sending.flush();
  await sending.close();
  expect(sent).toHaveLength(2);
  expect(sent[0]!.resource.attributes).toMatchObject({
    'service.name': 'resources',
    'service.version': '1',
    'service.instance.id': 'i',
    'deployment.environment.name': 'test',
  });
  expect(sent[0]!.scopeMetrics.flatMap((scope) => scope.metrics.map((metric) => metric.descriptor.name))).toContain(
    'pa_opt_out_effect_seconds',
  );
});

test('a collector gets protobuf with the headers of the file', async () => {
  const requests: { path: string | undefined; type: string | undefined; key: unknown; bytes: Buffer }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', () => {
        requests.push({
          path: request.url,
          type: request.headers['content-type'],
          key: request.headers['x-key'],
          bytes: Buffer.concat(chunks),
        });
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  const telemetry = await openTelemetry(
    {
      ...base,
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      headers: () => ({ 'x-key': 'k' }),
      ratio: 0,
      measured: { metrics: measured(), service: 'resources' },
    },
    new TraceScopes(),
  );
  await telemetry.close(5000);
  expect(requests).toMatchObject([{ path: '/v1/metrics', type: 'application/x-protobuf', key: 'k' }]);
  expect(requests[0]!.bytes.includes('pa_opt_out_effect_seconds')).toBe(true);
});

test('logs a missing collector once, and delays nothing', async () => {
  const warn = vi.fn();
  const exporter: Pick<PushMetricExporter, 'export' | 'shutdown'> = {
    export: (_metrics, done) => done({ code: 1, error: new Error('refused') }),
    shutdown: () => Promise.resolve(),
  };
  const away = new MetricsExport(
    { ...base, metrics: measured(), logger: { ...silentLogger, warn } as Logger },
    exporter,
  );
  await away.flush();
  await away.flush();
  expect(warn).toHaveBeenCalledTimes(1);
  await away.close();
});

test('metrics that are off are not sent', async () => {
  const metrics = new Metrics({ enabled: false });
  const reading = vi.spyOn(metrics.registry, 'getMetricsAsJSON');
  const telemetry = await openTelemetry(
    { ...base, ratio: 0, measured: { metrics, service: 'resources' } },
    new TraceScopes(),
  );
  await telemetry.close(1000);
  expect(reading).not.toHaveBeenCalled();
});
