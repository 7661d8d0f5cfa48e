import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { Refusal } from '@provider-access/kernel';
import { forwardOverHttp } from './forward-over-http.ts';

const servers: (Server | TcpServer)[] = [];
afterEach(async () => {
  await Promise.all(
    servers.splice(0).map(
      (server) =>
        new Promise((done) => {
          server.close(done);
          if ('closeAllConnections' in server) server.closeAllConnections();
        }),
    ),
  );
});
async function exporter(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createHttpServer(handler);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const read = (body: unknown): Promise<string> => text(body as Readable);
const unavailable = (work: Promise<unknown>): Promise<void> =>
  expect(work).rejects.toSatisfy(
    (error) => error instanceof Refusal && error.kind === 'unavailable' && error.retryAfter === 2,
  );

describe('handing a kick-off on to export', () => {
  it('keeps method, target, body to the byte, status and headers', async () => {
    const seen: unknown[] = [];
    const base = await exporter((request, response) => {
      void text(request).then((body) => {
        seen.push([
          request.method,
          request.url,
          request.headers['authorization'],
          request.headers['prefer'],
          request.headers['content-type'],
          body,
        ]);
        response
          .writeHead(202, {
            'content-location': 'https://pa.example/fhir/bulk/1',
            'x-two': ['a', 'b'],
            'content-type': 'application/fhir+json',
          })
          .end('{"a" : 1}');
      });
    });
    const answer = await forwardOverHttp({ base })({
      method: 'POST',
      url: '/fhir/Group/g1/$export?_type=Patient%2CCoverage',
      headers: { authorization: 'Bearer t', prefer: 'respond-async', 'content-type': 'application/fhir+json' },
      body: Buffer.from('{"resourceType" :  "Parameters"}'),
    });
    expect(seen).toEqual([
      [
        'POST',
        '/fhir/Group/g1/$export?_type=Patient%2CCoverage',
        'Bearer t',
        'respond-async',
        'application/fhir+json',
        '{"resourceType" :  "Parameters"}',
      ],
    ]);
    expect(answer.status).toBe(202);
    expect(answer.headers).toMatchObject({
      'content-location': 'https://pa.example/fhir/bulk/1',
      'content-type': 'application/fhir+json',
    });
    expect(await read(answer.body)).toBe('{"a" : 1}');
  });

  it('sends nothing that belongs to the connection or was named by it, and adds nothing', async () => {
    let names: string[] = [];
    const base = await exporter((request, response) => {
      names = Object.keys(request.headers).sort();
      response
        .writeHead(200, { connection: 'close, x-secret-hop', 'x-secret-hop': '1', 'keep-alive': 'timeout=1' })
        .end();
    });
    const answer = await forwardOverHttp({ base })({
      method: 'GET',
      url: '/fhir/Group/g1/$export',
      body: undefined,
      headers: {
        host: 'pa.example',
        connection: 'keep-alive, x-mine',
        'x-mine': '1',
        te: 'trailers',
        'proxy-authorization': 'Basic x',
        upgrade: 'h2c',
        expect: '100-continue',
        'transfer-encoding': 'chunked',
        accept: 'application/fhir+json',
      },
    });
    expect(names).toEqual(['accept', 'connection', 'host']);
    expect(Object.keys(answer.headers).sort()).toEqual(
      ['content-length', 'date'].filter((name) => name in answer.headers),
    );
    await read(answer.body);
  });

  it('hands an answer on while it comes', async () => {
    let finish: () => void = () => undefined;
    const base = await exporter((_request, response) => {
      response.writeHead(200).write('first');
      finish = () => response.end('second');
    });
    const { body } = await forwardOverHttp({ base })({ method: 'GET', url: '/x', headers: {}, body: undefined });
    const chunks: string[] = [];
    for await (const chunk of body as Readable) {
      chunks.push(String(chunk));
      if (chunks.length === 1) finish();
    }
    expect(chunks).toEqual(['first', 'second']);
  });

  it('does not follow a redirect', async () => {
    let asked = 0;
    const base = await exporter((_request, response) => {
      asked++;
      response.writeHead(307, { location: 'http://127.0.0.1:9/elsewhere' }).end();
    });
    const answer = await forwardOverHttp({ base })({ method: 'GET', url: '/x', headers: {}, body: undefined });
    expect([answer.status, asked]).toEqual([307, 1]);
    await read(answer.body);
  });

  it('sends a target to export only, whatever it looks like', async () => {
    const seen: (string | undefined)[] = [];
    const base = await exporter((request, response) => {
      seen.push(request.url);
      response.end();
    });
    const forward = forwardOverHttp({ base });
    await read(
      (await forward({ method: 'GET', url: '//127.0.0.1:9/fhir/Group/g/$export', headers: {}, body: undefined })).body,
    );
    expect(seen).toEqual(['//127.0.0.1:9/fhir/Group/g/$export']);
    await expect(forward({ method: 'GET', url: 'http://127.0.0.1:9/', headers: {}, body: undefined })).rejects.toThrow(
      'not a path',
    );
  });

  it('is 503 when export is away, breaks off, or does not answer in time', async () => {
    const closed = await exporter((_request, response) => response.end());
    await new Promise((done) => servers.pop()!.close(done));
    await unavailable(forwardOverHttp({ base: closed })({ method: 'GET', url: '/x', headers: {}, body: undefined }));

    const rude = createTcpServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Le')));
    servers.push(rude);
    await new Promise<void>((done) => rude.listen(0, '127.0.0.1', done));
    await unavailable(
      forwardOverHttp({ base: `http://127.0.0.1:${(rude.address() as AddressInfo).port}` })({
        method: 'GET',
        url: '/x',
        headers: {},
        body: undefined,
      }),
    );

    const silent = await exporter(() => undefined);
    await unavailable(
      forwardOverHttp({ base: silent, answerMs: 30 })({ method: 'GET', url: '/x', headers: {}, body: undefined }),
    );
  });
});
