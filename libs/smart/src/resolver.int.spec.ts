import { createSocket, type Socket } from 'node:dgram';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { dnsResolve, type Resolve } from './resolver.ts';

/**
 * A DNS server (RFC 1035 §4) that never answers for names with the prefix `hang`, and has one address for all others.
 */
let server: Socket;
let asked: string[];
let resolve: Resolve;
beforeEach(async () => {
  asked = [];
  server = createSocket('udp4');
  server.on('message', (query, from) => {
    const labels = [];
    let at = 12;
    for (let length = query[at]!; length > 0; length = query[at]!) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += length + 1;
    }
    const type = query.readUInt16BE(at + 1);
    asked.push(labels.join('.'));
    if (labels[0]!.startsWith('hang')) return;
    const question = query.subarray(12, at + 5);
    const answers = type === 1 ? 1 : 0;
    const header = Buffer.from([query[0]!, query[1]!, 0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0]);
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
    server.send(Buffer.concat([header, question, ...(answers === 1 ? [record] : [])]), from.port, from.address);
  });
  await new Promise<void>((done) => server.bind(0, '127.0.0.1', done));
  // Slow names get no answer until the end of the test.
  resolve = dnsResolve({ servers: [`127.0.0.1:${server.address().port}`], timeout: 60_000, tries: 1 });
});
afterEach(() => new Promise<void>((done) => server.close(done)));

it('resolves a name while many others hang', async () => {
  let settled = 0;
  const hanging = Array.from({ length: 50 }, (_, i) => resolve(`hang${i}.example`).finally(() => settled++));
  for (const each of hanging) each.catch(() => undefined);
  await expect.poll(() => new Set(asked).size).toBe(50);
  expect(await resolve('app.example')).toEqual([{ address: '192.0.2.7', family: 4 }]);
  expect(settled).toBe(0);
});
it('returns an address unchanged without a query', async () => {
  expect(await resolve('192.0.2.1')).toEqual([{ address: '192.0.2.1', family: 4 }]);
  expect(await resolve('2001:db8::1')).toEqual([{ address: '2001:db8::1', family: 6 }]);
  expect(asked).toEqual([]);
});
