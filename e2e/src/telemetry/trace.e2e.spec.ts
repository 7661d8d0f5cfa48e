import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshPlatform, SEPARATE } from '../harness.ts';
import { otlpReceiver, type OtlpReceiver, type ReceivedSpan } from './otlp.ts';
import { undescribed } from './span-table.ts';
import { TraceGraph } from './trace-graph.ts';
import { CALLER, MEMBER, PARENT, STATIONS, TRACE, TRACED, walk } from './traced-walk.ts';

let receiver: OtlpReceiver;
let fresh: Awaited<ReturnType<typeof freshPlatform>>;
const lines: string[] = [];

beforeAll(async () => {
  receiver = await otlpReceiver();
  fresh = await freshPlatform({ env: { ...TRACED, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint }, onLine: (line) => lines.push(line) });
  expect(await walk(fresh.platform())).toEqual({ read: 200, download: 200 });
}, 300_000);
afterAll(async () => {
  await fresh?.dispose();
  await receiver?.close();
});

const named = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan[] => spans.filter((s) => s.name === name);

test('one connected trace leads from the event through the log and the views to the request, the export and the download', () => {
  const reached = new TraceGraph(receiver.spans).from(TRACE);
  const names = new Set(reached.map((s) => `${s.kind} ${s.name}`));
  for (const name of STATIONS) expect(names).toContain(name);
  const services = new Set(reached.map((s) => s.service));
  for (const service of ['resources', 'attribution', 'export']) expect(services).toContain(service);
});

test("the record goes on in the payer's trace, and batches of several traces are linked", () => {
  const producers = receiver.spans.filter((s) => s.kind === 'PRODUCER' && s.name === 'send payer.member-events');
  expect(producers.some((s) => s.links.some((l) => l.traceId === TRACE) || s.traceId === TRACE)).toBe(true);
  const consumers = receiver.spans.filter((s) => s.kind === 'CONSUMER' && s.name === 'process pa.records');
  expect(consumers.some((s) => s.traceId === TRACE || s.links.some((l) => l.traceId === TRACE && l.spanId === PARENT))).toBe(true);
  expect(Math.max(...receiver.spans.map((s) => s.links.length))).toBeLessThanOrEqual(64);
});

test('the job goes below its kick-off, and a download says of which job it is', () => {
  const kicked = named(receiver.spans, 'GET /fhir/Group/:id/$export').find((s) => s.service === 'export')!;
  for (const step of ['process export-plan', 'process export-chunk', 'process export-seal']) expect(named(receiver.spans, step)[0]).toMatchObject({ traceId: kicked.traceId });
  expect(named(receiver.spans, 'GET /fhir/bulk/:job/:file').at(-1)!.links.map((l) => l.traceId)).toContain(kicked.traceId);
});

test('a caller that is not trusted begins no trace here, and is linked', () => {
  const read = named(receiver.spans, 'GET /fhir/:type/:id').find((s) => s.service === 'resources')!;
  expect(read.traceId).not.toBe(CALLER);
  expect(read.links).toContainEqual({ traceId: CALLER, spanId: PARENT });
});

test('spans are named by the conventions and hold what these say', () => {
  const read = named(receiver.spans, 'GET /fhir/:type/:id')[0]!;
  expect(read.attributes).toEqual({ 'http.request.method': 'GET', 'url.scheme': 'http', 'http.route': '/fhir/:type/:id', 'http.response.status_code': 200 });
  const consumer = named(receiver.spans, 'process pa.records')[0]!;
  expect(consumer.attributes).toMatchObject({ 'messaging.system': SEPARATE ? 'kafka' : 'sqlite', 'messaging.destination.name': 'pa.records', 'messaging.operation.name': 'process', 'messaging.consumer.group.name': expect.any(String), 'messaging.batch.message_count': expect.any(Number) });
  const write = named(receiver.spans, 'bulkWrite resources_records_v1')[0]!;
  expect(write.attributes).toMatchObject({ 'db.system.name': SEPARATE ? 'mongodb' : 'sqlite', 'db.operation.name': 'bulkWrite', 'db.collection.name': 'resources_records_v1' });
});

test('a line a request says which trace it is, and nothing of the URL', () => {
  const requests = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line['msg'] === 'request');
  const read = requests.find((line) => line['route'] === '/fhir/:type/:id')!;
  expect(read).toMatchObject({ method: 'GET', status: 200, level: 30, client: expect.stringMatching(/^c-/), trace_id: named(receiver.spans, 'GET /fhir/:type/:id')[0]!.traceId });
  expect(JSON.stringify(requests)).not.toContain(MEMBER);
});

test('every span is one of those that the page describes, with no attribute beside them', () => {
  expect(undescribed(receiver.spans)).toEqual([]);
});
