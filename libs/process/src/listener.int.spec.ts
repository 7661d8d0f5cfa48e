import type { ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SearchTurns } from '@provider-access/service/http';
import { eventually } from '@provider-access/testing';
import { bind, type Handler, type Listening } from './listener.ts';
import { SAFE_HEADERS } from './safe-headers.ts';

/** Deadlines that end when the test decides. */
class Deadlines {
  readonly running = new Set<{ readonly ms: number; run(): void }>();
  readonly after = (ms: number, run: () => void): (() => void) => {
    const deadline = { ms, run };
    this.running.add(deadline);
    return () => void this.running.delete(deadline);
  };
  pass(): void {
    for (const deadline of [...this.running]) {
      this.running.delete(deadline);
      deadline.run();
    }
  }
}
let deadlines: Deadlines;
let listening: Listening;
let requests: number;
/** Answers when the body has arrived; at once with `401` if there is no token, as guards do. */
const handler: Handler = (request, response) => {
  requests++;
  if (request.headers.authorization === undefined) {
    response.writeHead(401).end();
    return;
  }
  request.resume().once('end', () => response.end('done'));
};
const sockets: Socket[] = [];
beforeEach(async () => {
  requests = 0;
  deadlines = new Deadlines();
  listening = await bind({ HOST: '127.0.0.1', PORT: 0 }, deadlines.after);
  listening.serve(handler);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await listening.close(0);
});

interface Peer {
  readonly socket: Socket;
  received: string;
  closed: boolean;
}
/** @param allowHalfOpen the peer does not end the connection when the server has ended it */
function open(allowHalfOpen = false): Peer {
  const { port } = listening.server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen });
  sockets.push(socket);
  const peer: Peer = { socket, received: '', closed: false };
  socket
    .on('data', (data) => (peer.received += data.toString()))
    .on('close', () => (peer.closed = true))
    .on('error', () => undefined);
  return peer;
}
async function send(text: string): Promise<Peer> {
  const peer = open();
  const before = requests;
  peer.socket.write(text);
  await eventually(() => requests > before);
  return peer;
}
const request = (path: string, type: string, more: string[] = ['authorization: Bearer t'], body = 'a'): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: ` +
  `3\r\n${more.map((line) => `${line}\r\n`).join('')}\r\n${body}`;

describe('a body', () => {
  it.each([
    ['/auth/token', 'application/x-www-form-urlencoded'],
    ['/auth/register', 'application/json'],
    ['/events', 'application/cloudevents+json'],
    ['/auth/token', 'application/x-ndjson'],
  ])('of %s (%s) that does not arrive in 60 s is answered 408, and the connection ends', async (path, type) => {
    const peer = await send(request(path, type));
    expect([...deadlines.running].map(({ ms }) => ms)).toEqual([60_000]);
    deadlines.pass();
    await eventually(() => peer.closed);
    expect(peer.received).toMatch(/^HTTP\/1\.1 408 [\s\S]*60 seconds/);
  });
  it('that arrives leaves no deadline', async () => {
    const peer = await send(request('/auth/token', 'application/x-www-form-urlencoded'));
    peer.socket.write('bc');
    await eventually(() => peer.received.includes('done'));
    expect(deadlines.running.size).toBe(0);
    peer.socket.write(request('/auth/token', 'application/x-www-form-urlencoded', undefined, 'abc'));
    await eventually(() => peer.received.split('done').length === 3);
    expect([deadlines.running.size, peer.closed]).toEqual([0, false]);
  });
  it('that is an NDJSON stream of events may take its time', async () => {
    const peer = await send(request('/events', 'application/x-ndjson; charset=utf-8'));
    expect(deadlines.running.size).toBe(0);
    peer.socket.write('bc');
    await eventually(() => peer.received.includes('done'));
  });
  it('that is a stream of nobody we know has 60 s after the refusal', async () => {
    const peer = await send(request('/events', 'application/x-ndjson', []));
    await eventually(() => peer.received.includes('401') && deadlines.running.size === 1);
    deadlines.pass();
    await eventually(() => peer.closed);
    expect(peer.received).not.toContain('408');
  });
  it('of a request that is not there needs no deadline', async () => {
    const peer = await send('GET /fhir/metadata HTTP/1.1\r\nhost: x\r\nauthorization: Bearer t\r\n\r\n');
    await eventually(() => peer.received.includes('done'));
    expect(deadlines.running.size).toBe(0);
  });
});

// N8: documents, contents and accountings had these headers, and nothing else.
describe('every answer has the headers that keep a browser from running or showing it', () => {
  const GET = 'GET /fhir/metadata HTTP/1.1\r\nhost: x\r\nauthorization: Bearer t\r\n\r\n';
  const headersOf = ({ received }: Peer): Record<string, string> => {
    const [, ...lines] = received.split('\r\n\r\n', 1)[0]!.split('\r\n');
    return Object.fromEntries(lines.map((line) => line.split(': ', 2) as [string, string]));
  };
  async function answerTo(text: string): Promise<Peer> {
    const peer = open();
    peer.socket.write(text);
    await eventually(() => peer.received.includes('\r\n\r\n'));
    return peer;
  }

  it('one of a service', async () => {
    expect(headersOf(await answerTo(GET))).toMatchObject(SAFE_HEADERS);
    expect(headersOf(await answerTo(GET))).toMatchObject({
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining("frame-ancestors 'none'") as string,
    });
  });
  it('one whose handler gives its own value to one of them', async () => {
    const own = "default-src 'self'";
    listening.serve((_request, response) => response.writeHead(200, { 'content-security-policy': own }).end());
    expect(headersOf(await answerTo(GET))).toMatchObject({ ...SAFE_HEADERS, 'content-security-policy': own });
  });
  it.each([
    ['in capitals', (response: ServerResponse) => response.writeHead(200, { 'Referrer-Policy': 'no-referrer' }).end()],
    [
      'with a reason',
      (response: ServerResponse) => response.writeHead(200, 'Fine', { 'referrer-policy': 'no-referrer' }).end(),
    ],
    ['before the head', (response: ServerResponse) => response.setHeader('Referrer-Policy', 'no-referrer').end('x')],
    ['in a list', (response: ServerResponse) => response.writeHead(200, ['referrer-policy', 'no-referrer']).end()],
  ])('one whose handler gives a value %s, once', async (_how, answer) => {
    listening.serve((_request, response) => void answer(response));
    const peer = await answerTo(GET);
    const given = Object.entries(headersOf(peer)).map(([name, value]) => [name.toLowerCase(), value]);
    expect(Object.fromEntries(given)).toMatchObject({ ...SAFE_HEADERS, 'referrer-policy': 'no-referrer' });
    expect(peer.received.match(/referrer-policy/gi)).toHaveLength(1);
  });
  it('one whose head is written with its first bytes, and one without a body', async () => {
    listening.serve((_request, response) => void (response.write('x'), response.end()));
    expect(headersOf(await answerTo(GET))).toMatchObject(SAFE_HEADERS);
    listening.serve((_request, response) => void response.end());
    expect(headersOf(await answerTo(GET))).toMatchObject(SAFE_HEADERS);
  });
  it('one of a process that is starting', async () => {
    const starting = await bind({ HOST: '127.0.0.1', PORT: 0 }, deadlines.after);
    const { headers, status } = await fetch(`${starting.address}/fhir/metadata`);
    expect({ status, ...Object.fromEntries(headers) }).toMatchObject({ status: 503, ...SAFE_HEADERS });
    await starting.close(0);
  });
  it('one to a request that is no HTTP', async () => {
    const peer = await answerTo('GET / HTTP/9\r\n\r\n');
    expect(peer.received).toMatch(/^HTTP\/1\.1 400/);
    expect(headersOf(peer)).toMatchObject(SAFE_HEADERS);
  });
  it('one to a body that does not arrive', async () => {
    const peer = await send(request('/auth/token', 'application/json'));
    deadlines.pass();
    await eventually(() => peer.closed);
    expect(headersOf(peer)).toMatchObject(SAFE_HEADERS);
  });
});

describe('a request that cannot be read', () => {
  const URL_OF = (path: string): string => `${path}?_id=${'a,'.repeat(10_000)}`;
  /** Sends the parts as packets of their own, because the next one leaves when the one before has arrived. */
  async function packets(parts: readonly string[], allowHalfOpen = false): Promise<Peer> {
    const peer = open(allowHalfOpen);
    peer.socket.setNoDelay();
    for (const part of parts) await new Promise<void>((resolve) => peer.socket.write(part, () => resolve()));
    await eventually(() => peer.received.includes('\r\n\r\n'));
    return peer;
  }
  const bodyOf = ({ received }: Peer): unknown => JSON.parse(received.slice(received.indexOf('\r\n\r\n')));
  const line = (path: string): string => `GET ${URL_OF(path)} HTTP/1.1\r\nhost: x\r\n\r\n`;
  const FHIR = {
    resourceType: 'OperationOutcome',
    issue: [{ severity: 'error', code: 'too-long', diagnostics: expect.stringMatching(/16 KiB\. .* POST .*_search/) }],
  };

  it.each([
    ['/fhir/Patient', FHIR],
    ['/fhir/Group', FHIR],
    ['/ops/explain', { error: 'head-too-large', message: 'The head of a request may have at most 16 KiB.' }],
    ['/auth/token', { error: 'invalid_request', error_description: expect.stringContaining('16 KiB') }],
  ])('because the URL of %s is too long is 431 in the format of the path', async (path, body) => {
    const peer = await packets([line(path)]);
    expect(peer.received).toMatch(/^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/);
    expect(peer.received).toMatch(/\r\nconnection: close\r\n/);
    expect(bodyOf(peer)).toEqual(body);
    expect(requests).toBe(0);
  });
  it('is answered once, and its connection ends after a second if the client sends on', async () => {
    const text = line('/fhir/Patient');
    const peer = await packets([text.slice(0, 17_000), text.slice(17_000)], true);
    expect(bodyOf(peer)).toEqual(FHIR);
    await new Promise<void>((resolve) => peer.socket.write('GET /fhir/metadata HTTP/1.1\r\n\r\n', () => resolve()));
    expect([...deadlines.running].map(({ ms }) => ms)).toEqual([1000]);
    deadlines.pass();
    await eventually(() => {
      peer.socket.write('more');
      return peer.closed;
    });
    expect(peer.received.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(requests).toBe(0);
  });
  it('leaves nothing behind when the client ends the connection', async () => {
    const peer = await packets([line('/fhir/Patient')]);
    await eventually(() => peer.closed && deadlines.running.size === 0);
  });
  it('whose path came in an earlier packet gets an OperationOutcome: only searches have long URLs', async () => {
    const text = line('/fhir/Patient');
    expect(bodyOf(await packets([text.slice(0, 20), text.slice(20)]))).toEqual(FHIR);
  });
  it('because of a long header is 431 too', async () => {
    const peer = await packets([`GET /events HTTP/1.1\r\nhost: x\r\nx-long: ${'a'.repeat(20_000)}\r\n\r\n`]);
    expect(bodyOf(peer)).toMatchObject({ error: 'head-too-large' });
  });
  it.each(['nonsense\r\n\r\n', '\u0016\u0003\u0001'])('because it is not HTTP is 400: %j', async (text) => {
    const peer = await packets([text]);
    expect(peer.received).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(bodyOf(peer)).toEqual({ error: 'invalid-request', message: 'The request is not valid HTTP.' });
  });
  it('behind one that is being answered ends the connection, and breaks no answer', async () => {
    listening.serve((_request, response) => {
      requests++;
      response.writeHead(200, { 'content-length': '10' }).write('half');
    });
    const peer = await send('GET /fhir/metadata HTTP/1.1\r\nhost: x\r\n\r\n');
    await eventually(() => peer.received.endsWith('half'));
    peer.socket.write(line('/fhir/Patient'));
    await eventually(() => peer.closed);
    expect(peer.received).toMatch(/half$/);
  });
  it('does not hold up the end of the process', async () => {
    await packets([line('/fhir/Patient')]);
    await listening.close(0);
  });
});

it('gives the head of a request 30 s, and looks every 5 s', () => {
  expect(listening.server.headersTimeout).toBe(30_000);
  expect(listening.server.requestTimeout).toBe(60 * 60 * 1000);
});

// Node tells the responses behind the first one of a pipeline nothing when the connection is closed.
it('gives the searches of a pipeline their places back when the connection is closed', async () => {
  const turns = new SearchTurns();
  const begun: string[] = [];
  listening.serve(({ url = '' }, response) => {
    void turns.take('a', response, async () => {
      begun.push(url);
      response.end(url === '/large' ? 'x'.repeat(50_000_000) : 'small');
    });
  });
  const peer = open();
  peer.socket.pause();
  for (const path of ['/large', '/1', '/2', '/3', '/4']) peer.socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
  await eventually(() => begun.length === 2);
  peer.socket.destroy();
  open().socket.write('GET /next HTTP/1.1\r\nhost: x\r\n\r\n');
  await eventually(() => begun.includes('/next'));
  expect(begun).toEqual(['/large', '/1', '/next']);
});
