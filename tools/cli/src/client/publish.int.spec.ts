import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { EXIT } from '../output.ts';
import { publish, type Explained } from './publish.ts';
import { Server } from './server.ts';
import type { Item } from './sources.ts';

const items = (n: number): Item[] =>
  Array.from({ length: n }, (_, i) => ({
    ok: true,
    line: JSON.stringify({ id: `e${i}` }),
    event: `e${i}`,
    about: `Patient/p${i}`,
  }));
let http: HttpServer | undefined;
afterEach(() => new Promise<void>((resolve) => (http === undefined ? resolve() : http.close(() => resolve()))));

interface Platform {
  server: Server;
  posted: string[][];
  receipts: Map<string, string[]>;
}
/** A scripted platform: `answer` decides the answer to a POST, receipts hold what was accepted. */
async function platform(
  answer: (events: string[], call: number) => { status: number; rows?: object[] },
  items_: (event: string) => object | undefined = () => undefined,
  more: object = {},
): Promise<Platform> {
  const posted: string[][] = [];
  const receipts = new Map<string, string[]>();
  http = createServer((request, response) => {
    if (request.method === 'GET') {
      const events = receipts.get(/receipts\/([^?]+)/.exec(request.url!)![1]!);
      if (events === undefined) return void response.writeHead(404).end('{}');
      const items = events.flatMap((event) => items_(event) ?? []) as { outcome: string }[];
      const counts: Record<string, number> = {
        ...(events.length > items.length && { recorded: events.length - items.length }),
      };
      for (const { outcome } of items) counts[outcome] = (counts[outcome] ?? 0) + 1;
      return void response.end(
        JSON.stringify({ receipt: 'r', expected: events.length, handled: events.length, counts, items, ...more }),
      );
    }
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    request.on('end', () => {
      const events = body
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id);
      posted.push(events);
      const { status, rows } = answer(events, posted.length);
      const receipt = `r-${posted.length}`;
      const accepted = (rows ?? []) as { index?: number; status: string }[];
      receipts.set(
        receipt,
        accepted.filter((r) => r.index !== undefined && r.status !== 'refused').map((r) => events[r.index!]!),
      );
      response
        .writeHead(status)
        .end(
          rows === undefined
            ? '{"error":"unavailable"}'
            : rows.map((row) => JSON.stringify({ ...row, receipt })).join('\n'),
        );
    });
  });
  await new Promise<void>((resolve) => http!.listen(0, '127.0.0.1', resolve));
  return { server: new Server(`http://127.0.0.1:${(http.address() as AddressInfo).port}`), posted, receipts };
}
const all = (events: string[]): object[] => events.map((_, index) => ({ index, status: 'accepted' }));

test('a connection that is cut in the middle is no end: the events go again under the same ids', async () => {
  const { server, posted } = await platform((events) => ({ status: 200, rows: all(events) }));
  const cut = new Set(['POST 2', 'GET 2']);
  const counts: Record<string, number> = {};
  http!.prependListener('request', (request, response) => {
    const nth = (counts[request.method!] = (counts[request.method!] ?? 0) + 1);
    if (cut.has(`${request.method} ${nth}`)) response.destroy();
  });
  const report = await publish(items(6_000), { server, token: 't' });
  expect(report).toMatchObject({ accepted: 6_000, refused: [], outcomes: { recorded: 6_000 } });
  expect(new Set(posted.flat()).size).toBe(6_000);
});

test('a platform that never answered is told at once', async () => {
  const server = new Server('http://127.0.0.1:9');
  await expect(publish(items(1), { server, token: 't' })).rejects.toMatchObject({ code: EXIT.unavailable });
});

test('counts by outcome, and one explained row an event, refused ones included', async () => {
  const { server } = await platform(
    (events) => ({
      status: 200,
      rows: events.map((event, index) =>
        event === 'e1'
          ? { index, status: 'refused', reason: 'too-large', detail: 'an event may have 10 bytes' }
          : { index, status: 'accepted' },
      ),
    }),
    (event) =>
      event === 'e2'
        ? { event, outcome: 'parked', reason: 'missing-id', deadLetter: 'dl-1' }
        : event === 'e3'
          ? { event, outcome: 'unchanged' }
          : undefined,
  );
  const rows: Explained[] = [];
  const report = await publish([{ ok: false, place: 'x:1', reason: 'not JSON' }, ...items(5)], {
    server,
    token: 't',
    onExplained: (row) => rows.push(row),
  });
  expect(report).toMatchObject({
    read: 6,
    accepted: 4,
    outcomes: { recorded: 2, parked: 1, unchanged: 1 },
    refused: [
      { place: 'x:1', reason: 'not JSON' },
      { place: 'Patient/p1', reason: 'too-large: an event may have 10 bytes' },
    ],
    parked: [{ about: 'e2', reason: 'missing-id', deadLetter: 'dl-1' }],
  });
  expect(rows.map((row) => `${row.about} ${row.outcome}`).sort()).toEqual([
    'Patient/p0 recorded',
    'Patient/p1 refused',
    'Patient/p2 parked',
    'Patient/p3 unchanged',
    'Patient/p4 recorded',
    'x:1 refused',
  ]);
});

test('sends again only the events that the platform did not answer', async () => {
  const { server, posted } = await platform((events, call) =>
    call === 1
      ? { status: 503 }
      : call === 2
        ? {
            status: 200,
            rows: [
              { index: 0, status: 'accepted' },
              { index: 1, status: 'accepted' },
              { status: 'unavailable', reason: 'log-unavailable' },
            ],
          }
        : { status: 200, rows: all(events) },
  );
  expect(await publish(items(4), { server, token: 't' })).toMatchObject({
    accepted: 4,
    refused: [],
    outcomes: { recorded: 4 },
  });
  expect(posted).toEqual([
    ['e0', 'e1', 'e2', 'e3'],
    ['e0', 'e1', 'e2', 'e3'],
    ['e2', 'e3'],
  ]);
});

test('many events go in batches, in order', async () => {
  const { server, posted } = await platform((events) => ({ status: 200, rows: all(events) }));
  expect(await publish(items(4500), { server, token: 't' })).toMatchObject({
    accepted: 4500,
    outcomes: { recorded: 4500 },
  });
  expect(posted.map((events) => events.length)).toEqual([2000, 2000, 500]);
  expect(posted.flat()).toEqual(items(4500).map((item) => (item.ok ? item.event : '')));
});

test('a receipt that nobody handles is pending, not recorded', async () => {
  const { server, receipts } = await platform((events) => ({ status: 200, rows: all(events) }));
  receipts.set = () => receipts;
  const rows: Explained[] = [];
  expect(
    await publish(items(2), { server, token: 't', patienceMs: 0, onExplained: (row) => rows.push(row) }),
  ).toMatchObject({ accepted: 2, outcomes: { pending: 2 } });
  expect(rows.map((row) => row.outcome)).toEqual(['pending', 'pending']);
});

test('asks again for a receipt that is unavailable at the moment', async () => {
  const { server, receipts } = await platform((events) => ({ status: 200, rows: all(events) }));
  const getReceipt = receipts.get.bind(receipts);
  let asked = 0;
  receipts.get = (receipt) => ((asked += 1) === 1 ? undefined : getReceipt(receipt));
  const listeners = http!.listeners('request') as ((
    request: unknown,
    response: { writeHead(status: number): { end(): void } },
  ) => void)[];
  let away = 2;
  http!
    .removeAllListeners('request')
    .on('request', (request: { method: string }, response) =>
      request.method === 'GET' && away-- > 0
        ? void response.writeHead(503).end()
        : listeners.at(-1)!(request, response),
    );
  expect(await publish(items(2), { server, token: 't' })).toMatchObject({ accepted: 2, outcomes: { recorded: 2 } });
  expect(asked).toBe(2);
});

test('a wrong token and a platform that is not there say so by exit code', async () => {
  const { server } = await platform(() => ({ status: 401 }));
  await expect(publish(items(1), { server, token: 't' })).rejects.toMatchObject({ code: EXIT.unauthorized });
  const gone = new Server(server.base);
  await new Promise<void>((resolve) => http!.close(() => resolve()));
  http = undefined;
  await expect(publish(items(1), { server: gone, token: 't' })).rejects.toMatchObject({
    code: EXIT.unavailable,
    message: expect.stringContaining('cannot be reached (ECONNREFUSED)') as string,
  });
});

test('adds up what redaction removed and which references nobody can follow, over all receipts', async () => {
  const removed = { 'ExplanationOfBenefit.item.net': 3, 'ExplanationOfBenefit.total': 1 };
  const unresolved = { 'Encounter.location.location -> Location': 2 };
  const { server } = await platform(
    (events) => ({ status: 200, rows: all(events) }),
    () => undefined,
    { removed, unresolved },
  );
  const report = await publish(items(4500), { server, token: 't' });
  expect(report.removed).toEqual({ 'ExplanationOfBenefit.item.net': 9, 'ExplanationOfBenefit.total': 3 });
  expect(report.unresolved).toEqual({ 'Encounter.location.location -> Location': 6 });
});

test('counts attachments whose URL names no content with the references to types that are not served', async () => {
  const { server } = await platform(
    (events) => ({ status: 200, rows: all(events) }),
    () => undefined,
    {
      removed: {},
      unresolved: {
        'DocumentReference.content.attachment -> Binary': 2,
        'DocumentReference.content.attachment -> ?': 1,
        'Encounter.location.location -> Location': 3,
      },
    },
  );
  const report = await publish(items(4500), { server, token: 't' });
  expect(report.dangling).toEqual({
    notServed: { 'DocumentReference.content.attachment -> Binary': 6 },
    beforeFloor: {},
  });
  expect(report.unresolved).toEqual({
    'DocumentReference.content.attachment -> ?': 3,
    'Encounter.location.location -> Location': 9,
  });
});

test('counts nothing as removed where the platform does not say', async () => {
  const { server } = await platform((events) => ({ status: 200, rows: all(events) }));
  expect(await publish(items(1), { server, token: 't' })).toMatchObject({ removed: {}, unresolved: {} });
});

test('an event that the platform refuses is named by its place in the file (U15)', async () => {
  const { server } = await platform((events) => ({
    status: 200,
    rows: events.map((_, index) => ({ index, status: 'refused', reason: 'unknown-event-type' })),
  }));
  const event: Item = {
    ok: true,
    line: '{"id":"e1"}',
    event: 'e1',
    about: 'payer.member-optd-out.v1',
    place: 'a.ndjson:7',
  };
  const rows: Explained[] = [];
  const report = await publish([event], { server, token: 't', onExplained: (row) => rows.push(row) });
  expect(report.refused).toEqual([{ place: 'a.ndjson:7 payer.member-optd-out.v1', reason: 'unknown-event-type' }]);
  expect(rows).toEqual([
    {
      event: 'e1',
      about: 'payer.member-optd-out.v1',
      place: 'a.ndjson:7',
      outcome: 'refused',
      reason: 'unknown-event-type',
    },
  ]);
});
