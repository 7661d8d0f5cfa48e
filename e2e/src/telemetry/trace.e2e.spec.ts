import { afterAll, beforeAll, expect, test } from 'vitest';
import { SEPARATE } from '../harness.ts';
import type { ReceivedSpan } from './otlp.ts';
import { undescribed } from './span-table.ts';
import { TraceGraph } from './trace-graph.ts';
import { CALLER, MEMBER, PARENT, STATIONS, TRACE, walk } from './traced-walk.ts';
import { watchedPlatform, type Emitted, type Watched } from './watched.ts';

let fresh: Watched;
let emitted: Emitted;

beforeAll(async () => {
  fresh = await watchedPlatform();
  expect(await walk(fresh.platform())).toEqual({ read: 200, download: 200 });
  emitted = await fresh.emitted();
}, 300_000);
afterAll(() => fresh?.dispose());

const named = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan[] => spans.filter((s) => s.name === name);
/** The only read whose caller named a trace. */
const readSpan = (): ReceivedSpan =>
  named(emitted.spans, 'GET /fhir/:type/:id').find(
    (s) => s.service === 'resources' && s.links.some((l) => l.traceId === CALLER),
  )!;

test(
  'one connected trace leads from the event through the log and the views to the request, the export and the ' +
    'download',
  () => {
    const reached = new TraceGraph(emitted.spans).from(TRACE);
    const names = new Set(reached.map((s) => `${s.kind} ${s.name}`));
    for (const name of STATIONS) expect(names).toContain(name);
    const services = new Set(reached.map((s) => s.service));
    for (const service of ['resources', 'attribution', 'export']) expect(services).toContain(service);
  },
);

test("the record goes on in the payer's trace, and batches of several traces are linked", () => {
  const producers = named(emitted.spans, 'send payer.member-events').filter((s) => s.kind === 'PRODUCER');
  expect(producers.some((s) => s.links.some((l) => l.traceId === TRACE) || s.traceId === TRACE)).toBe(true);
  const consumers = named(emitted.spans, 'process pa.records').filter((s) => s.kind === 'CONSUMER');
  expect(
    consumers.some((s) => s.traceId === TRACE || s.links.some((l) => l.traceId === TRACE && l.spanId === PARENT)),
  ).toBe(true);
  expect(Math.max(...emitted.spans.map((s) => s.links.length))).toBeLessThanOrEqual(64);
});

test('the job goes below its kick-off, and a download says of which job it is', () => {
  const kicked = named(emitted.spans, 'GET /fhir/Group/:id/$export').find((s) => s.service === 'export')!;
  for (const step of ['process export-plan', 'process export-chunk', 'process export-seal'])
    expect(named(emitted.spans, step)[0]).toMatchObject({ traceId: kicked.traceId });
  expect(
    named(emitted.spans, 'GET /fhir/bulk/:job/:file')
      .at(-1)!
      .links.map((l) => l.traceId),
  ).toContain(kicked.traceId);
});

test('a caller that is not trusted begins no trace here, and is linked', () => {
  expect(readSpan().traceId).not.toBe(CALLER);
  expect(readSpan().links).toContainEqual({ traceId: CALLER, spanId: PARENT });
});

test('spans are named by the conventions and hold what these say', () => {
  expect(readSpan().attributes).toEqual({
    'http.request.method': 'GET',
    'url.scheme': 'http',
    'http.route': '/fhir/:type/:id',
    'http.response.status_code': 200,
  });
  const consumer = named(emitted.spans, 'process pa.records')[0]!;
  expect(consumer.attributes).toMatchObject({
    'messaging.system': SEPARATE ? 'kafka' : 'sqlite',
    'messaging.destination.name': 'pa.records',
    'messaging.operation.name': 'process',
    'messaging.consumer.group.name': expect.any(String),
    'messaging.batch.message_count': expect.any(Number),
  });
  const write = named(emitted.spans, 'bulkWrite resources_records_v1')[0]!;
  expect(write.attributes).toMatchObject({
    'db.system.name': SEPARATE ? 'mongodb' : 'sqlite',
    'db.operation.name': 'bulkWrite',
    'db.collection.name': 'resources_records_v1',
  });
});

test('a line a request says which trace it is, and nothing of the URL', () => {
  const requests = emitted.lines
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line['msg'] === 'request');
  const read = requests.find((line) => line['trace_id'] === readSpan().traceId)!;
  expect(read).toMatchObject({
    route: '/fhir/:type/:id',
    method: 'GET',
    status: 200,
    level: 30,
    client: expect.stringMatching(/^c-/) as string,
  });
  expect(JSON.stringify(requests)).not.toContain(MEMBER);
});

test('every span is one of those that the page describes, with no attribute beside them', () => {
  expect(undescribed(emitted.spans)).toEqual([]);
});
