import { expect, test } from 'vitest';
import type { Batch, EventLog, NewRecord } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { SpanKind, Telemetry, type Tracing } from '@provider-access/service/observability';
import { recordSpans } from '@provider-access/service/observability/testing';
import { openMemoryState } from '@provider-access/engines/state/memory';
import type { Projection } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { tracedLog, tracedState, tracedViews } from './index.ts';

const TRACE = 'a'.repeat(32);
const header = (trace: string, span: string, sampled = true): string =>
  `00-${trace.repeat(32)}-${span.repeat(16)}-0${sampled ? '1' : '0'}`;
const record = (key: string, traceparent?: string): NewRecord => ({
  key,
  partitionKey: key,
  headers: { ce_type: 't', ...(traceparent !== undefined && { traceparent }) },
  value: '{}',
});
const inRequest = <T>(tracing: Tracing, work: () => Promise<T>): Promise<T> =>
  tracing.within(tracing.begin('GET /x', { kind: SpanKind.SERVER }), work);

/** Handles the records of a topic, one batch, in a group of its own. */
async function consume(
  log: EventLog,
  topic: string,
  handle: (batch: Batch) => Promise<void> = () => Promise.resolve(),
): Promise<Batch> {
  let done!: (batch: Batch) => void;
  const handled = new Promise<Batch>((resolve) => (done = resolve));
  const subscription = await log.subscribe({
    group: 'g',
    topics: [topic],
    handle: async (batch) => {
      await handle(batch);
      done(batch);
    },
  });
  const batch = await handled;
  await subscription.stop();
  return batch;
}

test("a record appended in a request carries the request's context, and a record with a context keeps it", async () => {
  const { telemetry, finished } = recordSpans();
  const tracing = telemetry.tracing('resources');
  const log = tracedLog(openMemoryLog({ partitions: 1 }), tracing, 'kafka');
  await inRequest(tracing, () => log.append('payer.member-events', [record('m1'), record('m2', header('b', 'c'))]));
  const [own, kept] = await log.read('payer.member-events', 0, 0, 10);
  const [send] = await finished();
  expect(kept!.headers['traceparent']).toBe(header('b', 'c'));
  expect(own!.headers['traceparent']).toBe(`00-${send!.spanContext().traceId}-${send!.spanContext().spanId}-01`);
  expect(send).toMatchObject({
    name: 'send payer.member-events',
    kind: SpanKind.PRODUCER,
    attributes: {
      'messaging.system': 'kafka',
      'messaging.destination.name': 'payer.member-events',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.batch.message_count': 2,
    },
  });
  expect(send!.links.map((l) => l.context.traceId)).toEqual(['b'.repeat(32)]);
});

test('a batch belongs to the one trace of its records, and derived records continue the trace', async () => {
  const { telemetry, finished } = recordSpans(0);
  const log = tracedLog(openMemoryLog({ partitions: 1 }), telemetry.tracing('resources'), 'kafka');
  await log.append('payer.member-events', [
    record('m1', header('a', '1')),
    record('m2', header('a', '2')),
    record('m3'),
  ]);
  await consume(log, 'payer.member-events', async () => void (await log.append('pa.records', [record('r1')])));
  const [, send, batch] = await finished();
  expect(batch).toMatchObject({
    name: 'process payer.member-events',
    kind: SpanKind.CONSUMER,
    attributes: {
      'messaging.consumer.group.name': 'g',
      'messaging.batch.message_count': 3,
      'messaging.destination.partition.id': '0',
    },
  });
  expect(batch!.spanContext().traceId).toBe(TRACE);
  expect(send!.parentSpanContext!.spanId).toBe(batch!.spanContext().spanId);
  expect((await log.read('pa.records', 0, 0, 1))[0]!.headers['traceparent']).toContain(TRACE);
});

test('a batch of several traces is linked to them, and none of those that nobody records', async () => {
  const { telemetry, finished } = recordSpans(0);
  const memory = openMemoryLog({ partitions: 1 });
  const log = tracedLog(memory, telemetry.tracing('resources'), 'kafka');
  await memory.append('pa.records', [
    record('1', header('a', '1')),
    record('2', header('b', '2')),
    record('3', header('c', '3', false)),
    record('4', 'Zqx'),
  ]);
  await consume(log, 'pa.records');
  const [batch] = await finished();
  expect(batch!.links.map((l) => l.context.traceId[0])).toEqual(['a', 'b']);
  expect(batch!.parentSpanContext).toBeUndefined();
});

test('a trace begins at the payer, by the ratio, and nowhere behind it', async () => {
  for (const [ratio, topic, spans] of [
    [1, 'payer.member-events', 1],
    [0, 'payer.member-events', 0],
    [1, 'pa.records', 0],
    [1, 'payer.member-events.dead-letter', 0],
  ] as const) {
    const { telemetry, finished } = recordSpans(ratio);
    const log = tracedLog(openMemoryLog({ partitions: 1 }), telemetry.tracing('resources'), 'kafka');
    await log.append(topic, [record('m1')]);
    await consume(log, topic);
    expect(await finished(), `${topic} ${ratio}`).toHaveLength(spans);
  }
});

test('a request that is not recorded writes no context into the log, and its log lines still have one id', async () => {
  const { telemetry, finished } = recordSpans(0);
  for (const tracing of [telemetry.tracing('resources'), new Telemetry().tracing('resources')]) {
    const log = tracedLog(openMemoryLog({ partitions: 1 }), tracing, 'kafka');
    await log.append('payer.member-events', [record('m1')]);
    await consume(log, 'payer.member-events', async () => {
      expect(tracing.scopes.fields().trace_id).toMatch(/^[0-9a-f]{32}$/);
      await log.append('pa.records', [record('r1')]);
    });
    expect((await log.read('pa.records', 0, 0, 1))[0]!.headers).toEqual({ ce_type: 't' });
  }
  expect(await finished()).toEqual([]);
});

test('a request that is not recorded passes that decision on', async () => {
  const { telemetry } = recordSpans(0);
  const tracing = telemetry.tracing('resources');
  const log = tracedLog(openMemoryLog({ partitions: 1 }), tracing, 'kafka');
  await inRequest(tracing, () => log.append('payer.member-events', [record('m1')]));
  expect((await log.read('payer.member-events', 0, 0, 1))[0]!.headers['traceparent']).toMatch(/-00$/);
});

test('records of several requests that are appended together stay with theirs', async () => {
  const { telemetry, finished } = recordSpans(1);
  const tracing = telemetry.tracing('auth');
  const log = tracedLog(openMemoryLog({ partitions: 1 }), tracing, 'kafka');
  await inRequest(tracing, () =>
    log.append('pa.audit', [record('c1', header('a', '1')), record('c2', header('b', '2'))]),
  );
  const [send] = await finished();
  expect(send!.links.map((l) => l.context.traceId[0]).slice(0, 2)).toEqual(['a', 'b']);
  expect(send!.parentSpanContext).toBeUndefined();
});

const projection: Projection = {
  owner: 'x',
  name: 'y',
  version: 1,
  topics: { t: { part: 'p', keys: () => [], evolve: () => undefined } },
  indexes: [{ name: 'by_a', fields: ['p.a'] }],
};

test('a read links to the recorded write that made the document', async () => {
  const { telemetry, finished } = recordSpans(1);
  const tracing = telemetry.tracing('resources');
  const views = tracedViews(openMemoryViews(), tracing, 'mongodb');
  await views.store.ensure(projection);
  const write = (id: string, offset: number): Promise<unknown> =>
    views.store.apply(projection, 1, [{ id, part: 'p', partition: 0, offset, value: { a: 'secret-value' } }]);
  await write('unrecorded', 0);
  await inRequest(tracing, () => write('member-1', 1));
  const reader = views.reader(projection);
  await inRequest(tracing, async () => {
    expect(await reader.get('member-1')).toMatchObject({ p: { a: 'secret-value' } });
    expect(await reader.getMany(['unrecorded', 'nobody'])).toHaveLength(2);
    for await (const _ of reader.scan({ index: 'by_a' }));
  });
  expect(await reader.get('member-1')).toBeDefined();
  const spans = await finished();
  const [apply, , get, many, scan] = spans;
  expect(spans.map((s) => s.name)).toEqual([
    'bulkWrite x_y_v1',
    'GET /x',
    'find x_y_v1',
    'find x_y_v1',
    'find x_y_v1',
    'GET /x',
  ]);
  expect(apply!.attributes).toEqual({
    'db.system.name': 'mongodb',
    'db.operation.name': 'bulkWrite',
    'db.collection.name': 'x_y_v1',
    'db.operation.batch.size': 1,
  });
  expect(get!.links.map((l) => l.context.spanId)).toEqual([apply!.spanContext().spanId]);
  expect(many!.links).toEqual([]);
  expect(scan!.links).toHaveLength(1);
  expect(scan!.attributes['db.response.returned_rows']).toBe(2);
  expect(JSON.stringify(spans.map((s) => [s.name, s.attributes, s.events]))).not.toMatch(/member-1|secret-value/);
});

test('a decided event carries the context of its decision, with any relay', async () => {
  const { telemetry, finished } = recordSpans(1);
  const tracing = telemetry.tracing('export');
  const log = openMemoryLog({ partitions: 1 });
  const state = tracedState(openMemoryState({ log }), tracing, 'mongodb');
  await inRequest(tracing, async () => {
    await state.streams.append('export/j', 0, [{ topic: 'pa.exports', record: record('j') }], {});
    await state.claims.insertOnce('jti', 'secret-value', Date.now() + 60_000);
  });
  await expect.poll(() => log.read('pa.exports', 0, 0, 1)).toHaveLength(1);
  const [append, insert] = await finished();
  expect((await log.read('pa.exports', 0, 0, 1))[0]!.headers['traceparent']).toContain(append!.spanContext().traceId);
  expect([append!.name, insert!.name]).toEqual(['append streams', 'insertOnce claims']);
  expect(JSON.stringify(insert!.attributes)).not.toContain('secret-value');
  await state.close();
});

test('off is the port itself', () => {
  const tracing = new Telemetry().tracing('resources');
  const views = openMemoryViews();
  expect(tracedViews(views, tracing, 'mongodb')).toBe(views);
});

test('off, a batch has the context of its first record with a readable one, for lines of the log', async () => {
  const tracing = new Telemetry().tracing('resources');
  const log = tracedLog(openMemoryLog({ partitions: 1 }), tracing, 'kafka');
  await log.append('payer.member-events', [
    record('m1'),
    record('m2', 'not a context'),
    ...['b', 'c'].map((trace) => record('m3', header(trace, 'd'))),
  ]);
  let context: string | undefined;
  await consume(log, 'payer.member-events', async () => {
    context = tracing.scopes.active()?.context?.traceId;
  });
  expect(context).toBe('b'.repeat(32));
});
