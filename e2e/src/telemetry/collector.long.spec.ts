import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '@provider-access/testing';
import { freshPlatform } from '../harness.ts';
import { TELLING } from '../world/context.ts';
import { printedSpans, startCollector, type Collector } from './collector.ts';
import type { ReceivedSpan } from './otlp.ts';
import { TraceGraph } from './trace-graph.ts';
import { CALLER, MEMBER, PARENT, STATIONS, TRACE, walk } from './traced-walk.ts';

const SERVICES = new Set(['auth', 'attribution', 'consent', 'resources', 'export', 'standalone']);
const services = (received: readonly ReceivedSpan[]): ReadonlySet<string> => new Set(received.map((s) => s.service));

/** The services through which the payer's trace went. */
const road = (received: readonly ReceivedSpan[]): ReadonlySet<string> =>
  new Set(new TraceGraph(received).from(TRACE).map((s) => `${s.kind} ${s.name}`));

/** The same steps as in `trace.e2e.spec.ts`, as the OpenTelemetry Collector itself reads them. */
let collector: Collector;
let fresh: Awaited<ReturnType<typeof freshPlatform>>;
let spans: readonly ReceivedSpan[];

beforeAll(async () => {
  collector = await startCollector();
  fresh = await freshPlatform({
    env: {
      ...TELLING,
      LOG_LEVEL: 'info',
      OTEL_METRIC_EXPORT_INTERVAL: '60000',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    },
  });
  expect(await walk(fresh.platform())).toEqual({ read: 200, download: 200 });
  // Spans are sent every five seconds, and this collector prints each of them.
  await eventually(
    () => {
      const printed = printedSpans(collector.printed());
      expect(services(printed)).toEqual(SERVICES);
      expect([...road(printed)]).toEqual(expect.arrayContaining([...STATIONS]));
    },
    { interval: 500 },
  );
  await fresh.platform().stop();
  await collector.stop();
  spans = printedSpans(collector.printed());
});
afterAll(async () => {
  await fresh?.dispose();
});

test('the collector takes all of it, as one connected trace', () => {
  expect(collector.printed()).not.toMatch(/\t(error|warn)\t/);
  for (const name of STATIONS) expect(road(spans)).toContain(name);
});
test('it knows the services, the resource and the attributes', () => {
  expect(services(spans)).toEqual(SERVICES);
  expect(collector.printed()).toContain('deployment.environment.name: Str(test)');
  const read = spans.find((s) => s.name === 'GET /fhir/:type/:id')!;
  expect(read.attributes).toMatchObject({
    'http.request.method': 'GET',
    'http.route': '/fhir/:type/:id',
    'http.response.status_code': '200',
  });
  expect(read.links).toContainEqual({ traceId: CALLER, spanId: PARENT });
});
test('it gets nothing about members', () => {
  expect(collector.printed()).not.toContain(MEMBER);
});
