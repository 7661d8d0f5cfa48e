import * as api from '@opentelemetry/api';
import { expect, test, vi } from 'vitest';
import { silentLogger, type Logger } from '../logger.ts';
import { Metrics } from '../metrics.ts';
import { recordSpans } from '../testing/recorder.ts';
import * as codes from './codes.ts';
import { Spans } from './spans.ts';
import {
  formatTraceparent,
  newContext,
  openTelemetry,
  parseTraceparent,
  SpanKind,
  Telemetry,
  TraceScopes,
  type SpanContext,
} from './index.ts';

const context = (traceId: string, spanId: string, sampled = true): SpanContext =>
  parseTraceparent(`00-${traceId.repeat(32)}-${spanId.repeat(16)}-0${sampled ? '1' : '0'}`)!;
const none = {
  endpoint: 'http://127.0.0.1:9',
  headers: () => ({}),
  resource: { 'deployment.environment.name': 'test' },
  version: '1',
  instance: 'i',
  logger: silentLogger,
};

function recorded(ratio: number) {
  const { telemetry, finished } = recordSpans(ratio);
  return { tracing: telemetry.tracing('resources'), finished };
}

test.each([
  '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
  '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
  '01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  '00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01',
  '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more',
  'Jane Doe, born 1970',
  '',
  undefined,
  ['a', 'b'],
])('%s is no context', (header) => {
  expect(parseTraceparent(header)).toBeUndefined();
});
test('a context is written as it was read', () => {
  const header = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  expect(formatTraceparent(parseTraceparent(header)!)).toBe(header);
  expect(parseTraceparent(formatTraceparent(newContext()))).toMatchObject({ traceFlags: 0 });
  expect(new Set(Array.from({ length: 1000 }, () => newContext().traceId)).size).toBe(1000);
});

test('off: records and propagates nothing, and calls of one request still share an id', async () => {
  const telemetry = await openTelemetry(
    {
      ...none,
      endpoint: undefined,
      ratio: 1,
      measured: { metrics: new Metrics(), service: 'resources' },
      metricIntervalMs: 60_000,
    },
    new TraceScopes(),
  );
  const tracing = telemetry.tracing('resources');
  expect(tracing.on).toBe(false);
  const scope = tracing.begin('GET /x', { kind: SpanKind.SERVER });
  expect(scope.span).toBeUndefined();
  await tracing.scopes.run(scope, async () => {
    await Promise.resolve();
    expect(tracing.scopes.fields()).toEqual({ trace_id: scope.context.traceId, span_id: scope.context.spanId });
    expect(tracing.traceparent()).toBeUndefined();
    await tracing.span('inner', {}, async (span) => expect(span).toBeUndefined());
  });
  await telemetry.close(10);
});

test('a span is a child of the running one, and records only the name of an error', async () => {
  const { tracing, finished } = recorded(1);
  const scope = tracing.begin('GET /x', { kind: SpanKind.SERVER });
  await expect(
    tracing.within(scope, () =>
      tracing.span('inner', {}, async () => {
        throw new TypeError('member Zqx is not there');
      }),
    ),
  ).rejects.toThrow(TypeError);
  const [inner, outer] = await finished();
  expect(inner).toMatchObject({
    name: 'inner',
    parentSpanContext: { spanId: scope.context.spanId },
    attributes: { 'error.type': 'TypeError' },
    events: [],
  });
  expect(outer!.resource.attributes).toMatchObject({
    'service.name': 'resources',
    'service.namespace': 'provider-access',
    'deployment.environment.name': 'test',
  });
  expect(JSON.stringify([inner!.status, inner!.attributes])).not.toContain('Zqx');
});

test('by the parent, and without one by the ratio', async () => {
  const { tracing, finished } = recorded(0);
  expect(tracing.begin('root', {}).span).toBeUndefined();
  expect(tracing.begin('below', { parent: context('a', 'b', false) })).toEqual({ context: context('a', 'b', false) });
  tracing.begin('kept', { parent: context('a', 'b') }).span!.end();
  // A caller from outside that is only linked decides nothing.
  expect(tracing.begin('linked', { links: [context('a', 'b')] }).span).toBeUndefined();
  tracing.begin('followed', { links: [context('a', 'b')], sampled: true }).span!.end();
  expect((await finished()).map((s) => s.name)).toEqual(['kept', 'followed']);
  await tracing.scopes.run(tracing.begin('root', {}), async () => {
    expect(tracing.traceparent()).toMatch(/-00$/);
    await tracing.span('inner', {}, async (span) => expect(span).toBeUndefined());
  });
});

test('contexts of one trace become its child, those of several are linked, as many as are bounded', () => {
  const { tracing } = recorded(1);
  expect(tracing.join([context('a', '1', false), context('b', '2', false)])).toBeUndefined();
  expect(tracing.join([context('a', '1'), context('a', '2'), context('b', '3', false)])).toEqual({
    parent: context('a', '1'),
    links: [context('a', '2')],
  });
  expect(tracing.join([context('a', '1'), context('b', '2')])).toEqual({
    links: [context('a', '1'), context('b', '2')],
  });
  const many = Array.from({ length: 500 }, (_, i) =>
    parseTraceparent(`00-${(i + 1).toString(16).padStart(32, '0')}-${(i + 1).toString(16).padStart(16, '0')}-01`)!,
  );
  expect(tracing.join(many)!.links).toHaveLength(32);
});

test('continues a stored context, and links a read to the write of its document', async () => {
  const { tracing, finished } = recorded(0);
  const job = formatTraceparent(context('a', 'b'));
  await tracing.resume('process chunk', job, {}, async () => expect(tracing.traceparent()).toContain('a'.repeat(32)));
  await tracing.resume('process chunk', undefined, {}, async () => {
    expect(tracing.traceparent()).toBeUndefined();
    expect(tracing.scopes.fields().trace_id).toMatch(/^[0-9a-f]{32}$/);
  });
  await tracing.within(tracing.begin('GET /file', { sampled: true }), async () => {
    tracing.link(job);
    tracing.link(undefined);
    tracing.link('nonsense');
    tracing.link(formatTraceparent(context('c', 'd', false)));
  });
  expect(tracing.about(job, () => [tracing.scopes.fields().trace_id, tracing.traceparent()])).toEqual([
    'a'.repeat(32),
    undefined,
  ]);
  expect(tracing.about('nonsense', () => tracing.scopes.fields())).toEqual({});
  const [chunk, file] = await finished();
  expect(chunk!.spanContext().traceId).toBe('a'.repeat(32));
  expect(file!.links.map((l) => l.context.traceId)).toEqual(['a'.repeat(32)]);
});

test('a collector that is away costs a bounded queue, and a line a minute at most', async () => {
  const warn = vi.fn();
  const spans = new Spans(
    { ...none, ratio: 1, logger: { ...silentLogger, warn } as Logger },
    {
      export: (_spans, done) =>
        done({ code: 1, error: Object.assign(new Error('connect to collector.internal'), { code: 'ECONNREFUSED' }) }),
      shutdown: () => Promise.resolve(),
    },
  );
  const tracing = new Telemetry(new TraceScopes(), spans).tracing('export');
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 100; i++) tracing.begin('x', {}).span!.end();
    await spans.flush();
  }
  expect(warn.mock.calls).toEqual([[{ spans: 100, error: 'Error', code: 'ECONNREFUSED' }, 'spans could not be sent']]);
});

test('an end does not wait for a collector that never answers', async () => {
  const spans = new Spans(
    { ...none, ratio: 1 },
    { export: () => undefined, shutdown: () => new Promise(() => undefined) },
  );
  const telemetry = new Telemetry(new TraceScopes(), spans);
  telemetry.tracing('export').begin('x', {}).span!.end();
  expect(await telemetry.close(1)).toBeUndefined();
});

test('the numbers are those of OpenTelemetry', () => {
  expect(api.SpanKind).toMatchObject(codes.SpanKind);
  expect(api.SpanStatusCode).toMatchObject(codes.SpanStatusCode);
  expect(api.TraceFlags).toMatchObject(codes.TraceFlags);
});
