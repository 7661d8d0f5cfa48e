import { connect, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '@provider-access/testing';
import { bind, type Handler, type Listening } from './listener.ts';

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
async function send(text: string): Promise<Peer> {
  const socket = connect((listening.server.address() as AddressInfo).port, '127.0.0.1');
  sockets.push(socket);
  const peer: Peer = { socket, received: '', closed: false };
  socket
    .on('data', (data) => (peer.received += data.toString()))
    .on('close', () => (peer.closed = true))
    .on('error', () => undefined);
  const before = requests;
  socket.write(text);
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

it('gives the head of a request 30 s, and looks every 5 s', () => {
  expect(listening.server.headersTimeout).toBe(30_000);
  expect(listening.server.requestTimeout).toBe(60 * 60 * 1000);
});
