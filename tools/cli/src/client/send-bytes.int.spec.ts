import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { sendBytes } from './send-bytes.ts';
import { Server } from './server.ts';

let http: HttpServer | undefined;
afterEach(() => {
  http?.closeAllConnections();
  http?.close();
});
async function listening(listener: RequestListener): Promise<string> {
  http = createServer(listener);
  await once(http.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}
async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  request.setEncoding('utf8');
  for await (const chunk of request) text += chunk as string;
  return text;
}
const bytes = (text: string): Buffer => Buffer.from(text);
const request = (body: Uint8Array, signal = new AbortController().signal) => ({
  method: 'POST',
  headers: { 'content-type': 'application/x-ndjson' },
  body,
  signal,
});

test('the server gets the bytes with their length, and its answer comes back', async () => {
  const base = await listening((received, response) => {
    void textOf(received).then((text) => {
      const { 'content-type': type, 'content-length': length } = received.headers;
      response
        .writeHead(207, { 'x-a': ['1', '2'] })
        .end(JSON.stringify({ method: received.method, type, length, text }));
    });
  });
  const answer = await sendBytes(base, request(bytes('é\n')));
  expect([answer.status, answer.headers.get('x-a')]).toEqual([207, '1, 2']);
  expect(await answer.json()).toEqual({ method: 'POST', type: 'application/x-ndjson', length: '3', text: 'é\n' });
});

test('an answer without a body is one', async () => {
  const base = await listening((_, response) => void response.writeHead(204).end());
  const answer = await sendBytes(base, request(bytes('a')));
  expect([answer.status, await answer.text()]).toEqual([204, '']);
});

test('bytes that are used again are not sent by a request that was answered early', async () => {
  const received: Buffer[] = [];
  const closed = Promise.withResolvers<void>();
  const sockets: Socket[] = [];
  // It answers after the first bytes, and reads the others later. An HTTP server would read and forget them.
  const early = createTcpServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined).on('close', () => closed.resolve());
    socket.once('data', () => {
      socket.pause();
      socket.write('HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\n{}');
    });
    socket.on('data', (chunk: Buffer) => received.push(chunk));
  });
  await once(early.listen(0, '127.0.0.1'), 'listening');
  const body = Buffer.alloc(32 * 1024 * 1024, 'a');
  const answer = await sendBytes(`http://127.0.0.1:${(early.address() as AddressInfo).port}`, request(body));
  expect([answer.status, await answer.text()]).toEqual([503, '{}']);
  body.fill('#');
  sockets[0]!.resume();
  await closed.promise;
  early.close();
  const sent = Buffer.concat(received);
  expect([sent.includes('aaaa'), sent.includes('#')]).toEqual([true, false]);
});

test('a signal ends a request with its reason, and a connection that is cut says why', async () => {
  const ending = new AbortController();
  const reason = new DOMException('too late', 'TimeoutError');
  const silent = await listening(() => ending.abort(reason));
  await expect(sendBytes(silent, request(bytes('a'), ending.signal))).rejects.toBe(reason);
  const cut = await listening((received) => received.socket.destroy());
  await expect(sendBytes(cut, request(bytes('a')))).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
});

test('an answer that is cut in the middle is none', async () => {
  const base = await listening((received, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('half', () => received.socket.destroy());
  });
  await expect(sendBytes(base, request(bytes('a')))).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
});

test('the client follows a redirect with the same bytes', async () => {
  const base = await listening((received, response) => {
    if (received.url !== '/new') return void response.writeHead(307, { location: '/new' }).end();
    void textOf(received).then((text) => response.end(text));
  });
  const answer = await new Server(base).call('/old', { method: 'POST', body: bytes('a\n') });
  expect(answer).toMatchObject({ status: 200, text: 'a\n' });
});

test.each(['http://user:secret@127.0.0.1:1', 'http://user@127.0.0.1:1', 'http://:secret@127.0.0.1:1'])(
  'no user name and no password is sent or repeated: %s',
  (url) => {
    expect(() => new Server(url)).toThrow(/^--server has a user name or a password in it: a token says who asks$/);
  },
);
