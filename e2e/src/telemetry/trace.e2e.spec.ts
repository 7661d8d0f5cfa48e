import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DomainEvent } from '@provider-access/events';
import { syntheticPayer } from '@provider-access/synthetic';
import { freshPlatform, publishAll, registerApp, SEPARATE } from '../harness.ts';
import { AS_OF, findGroup, http, kickOff, sealed } from '../road.ts';
import { otlpReceiver, type OtlpReceiver, type ReceivedSpan } from './otlp.ts';
import { TraceGraph } from './trace-graph.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const CALLER = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';

const payer = syntheticPayer({ seed: '7', members: 5, asOf: AS_OF });
const provider = payer.providerOrganizations.map((o) => ({ ...o, visible: [...payer.ledger.visibleMembers(o.npi)] })).sort((a, b) => b.visible.length - a.visible.length)[0]!;
const member = provider.visible[0]!.member;

let receiver: OtlpReceiver;
let fresh: Awaited<ReturnType<typeof freshPlatform>>;
const lines: string[] = [];

/** The payer's system traces what it does with one member: its Patient. */
function* traced(events: Iterable<DomainEvent>): Generator<DomainEvent> {
  for (const event of events) {
    const { resource } = event.data as { resource?: { resourceType?: string } };
    yield event.subject === member && resource?.resourceType === 'Patient' ? { ...event, traceparent: `00-${TRACE}-${PARENT}-01` } : event;
  }
}

beforeAll(async () => {
  receiver = await otlpReceiver();
  fresh = await freshPlatform({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, OTEL_TRACES_SAMPLER_ARG: '1', OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test', LOG_LEVEL: 'info', EXPORT_POLLS_PER_MINUTE: '1000000' },
    onLine: (line) => lines.push(line),
  });
  const platform = fresh.platform();
  await publishAll(platform, traced(payer.events()));
  const app = await registerApp(platform, { name: 'Traced', npi: provider.npi, tin: provider.tin });
  const token = await app.tokens.get();
  const read = await http(`${platform.base}/fhir/Patient/${member}`, { token, headers: { traceparent: `00-${CALLER}-${PARENT}-01` } });
  expect(read.status).toBe(200);
  const group = await findGroup(platform, token, provider.npi);
  const manifest = await sealed(await kickOff(platform, token, group.id, '?_type=Patient'), token);
  expect((await http(manifest.output[0]!.url, { token })).status).toBe(200);
  await platform.stop();
});
afterAll(async () => {
  await fresh?.dispose();
  await receiver?.close();
});

const named = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan[] => spans.filter((s) => s.name === name);

test('one connected trace leads from the event through the log and the views to the request, the export and the download', () => {
  const reached = new TraceGraph(receiver.spans).from(TRACE);
  const names = new Set(reached.map((s) => `${s.kind} ${s.name}`));
  for (const name of [
    'PRODUCER send payer.member-events', 'CONSUMER process payer.member-events', 'PRODUCER send pa.records', 'CONSUMER process pa.records', 'CLIENT bulkWrite resources_records_v1',
    'SERVER GET /fhir/:type/:id', 'CLIENT find resources_records_v1', 'SERVER GET /fhir/Group/:id/$export', 'CONSUMER process export-plan', 'CONSUMER process export-chunk',
    'INTERNAL write chunk', 'CONSUMER process export-seal', 'SERVER GET /fhir/bulk/:job/:file',
  ]) expect(names).toContain(name);
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
  expect(JSON.stringify(requests)).not.toContain(member);
});
