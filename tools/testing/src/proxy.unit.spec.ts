import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  answers,
  kafkaRequest,
  LOOPBACK,
  mongoCommand,
  tcpProxy,
  type TcpProxy,
  type TcpProxyOptions,
} from './index.ts';

/** Echoes every byte sequence. */
let server: Server;
let target: TcpProxyOptions['target'];
let proxy: TcpProxy;
let clients: Client[];
const received: Buffer[] = [];

class Client {
  readonly socket: Socket;
  text = '';
  /** `end` or `reset` when the connection is over. */
  readonly over: Promise<'end' | 'reset'>;

  constructor(port: number) {
    this.socket = connect({ host: LOOPBACK, port });
    this.socket.on('data', (chunk) => (this.text += chunk.toString('latin1')));
    this.over = new Promise((resolve) => {
      this.socket.on('error', () => resolve('reset'));
      this.socket.on('end', () => resolve('end'));
    });
  }

  async has(text: string): Promise<void> {
    while (this.text !== text)
      await Promise.race([
        once(this.socket, 'data'),
        this.over.then((how) => expect.fail(`${how} after ${this.text.length} bytes`)),
      ]);
  }
}

function client(): Client {
  const made = new Client(proxy.port);
  clients.push(made);
  return made;
}

async function start(protocol?: TcpProxyOptions['protocol']): Promise<void> {
  proxy = await tcpProxy({ target, protocol });
}

beforeEach(async () => {
  clients = [];
  received.length = 0;
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      if (chunk.toString() !== 'x') received.push(chunk);
      socket.write(chunk);
    });
  });
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  target = { port: (server.address() as AddressInfo).port };
});

afterEach(async () => {
  for (const { socket } of clients) socket.destroy();
  await proxy.close();
  server.close();
});

/** Resolves when everything under way has had its turn: after a round trip beside the proxy. */
async function roundTrip(): Promise<void> {
  const direct = new Client(target.port);
  direct.socket.write('x');
  await direct.has('x');
  direct.socket.destroy();
}

describe('a TCP proxy', () => {
  test('passes on megabytes unchanged, and the end', async () => {
    await start();
    const one = client();
    const text = 'abcdefghij'.repeat(1_000_000);
    one.socket.end(text);
    await one.has(text);
    expect(await one.over).toBe('end');
  });

  test('holds everything while paused and then passes it on in its order', async () => {
    await start();
    const one = client();
    one.socket.write('before ');
    await one.has('before ');
    proxy.pause();
    one.socket.write('held ');
    await roundTrip();
    one.socket.write('too');
    const other = client();
    other.socket.write('new');
    await roundTrip();
    expect([one.text, other.text]).toEqual(['before ', '']);
    proxy.resume();
    await one.has('before held too');
    await other.has('new');
  });

  test('holds one direction only: the server hears the request, the client nothing', async () => {
    await start();
    proxy.pause('answers');
    const one = client();
    one.socket.write('request');
    while (Buffer.concat(received).toString() !== 'request') await roundTrip();
    expect(one.text).toBe('');
    proxy.resume('answers');
    await one.has('request');
  });

  test('holds back the end of a connection too', async () => {
    await start();
    const one = client();
    one.socket.write('x');
    await one.has('x');
    proxy.pause();
    one.socket.end();
    await roundTrip();
    expect(proxy.connections()).toBe(1);
    proxy.resume();
    expect(await one.over).toBe('end');
  });

  test('delays without changing the order', async () => {
    await start();
    const one = client();
    const began = performance.now();
    proxy.delay(60);
    one.socket.write('slow ');
    await once(one.socket, 'connect');
    await one.has('slow ');
    expect(performance.now() - began).toBeGreaterThanOrEqual(115);
    proxy.delay(0);
    one.socket.write('fast');
    await one.has('slow fast');
  });

  test('resets open connections and serves new ones', async () => {
    await start();
    const one = client();
    one.socket.write('x');
    await one.has('x');
    proxy.cut();
    expect(await one.over).toBe('reset');
    const other = client();
    other.socket.write('y');
    await other.has('y');
  });

  test('refuses new connections while open ones live on', async () => {
    await start();
    const one = client();
    one.socket.write('a');
    await one.has('a');
    await proxy.refuse();
    expect(await answers(proxy.port)).toBe(false);
    one.socket.write('b');
    await one.has('ab');
    await proxy.accept();
    expect(await answers(proxy.port)).toBe(true);
  });

  test('swallows the next answer: the server has the request, the client a closed connection', async () => {
    await start();
    proxy.dropAnswers(1);
    const one = client();
    one.socket.write('lost');
    expect(await one.over).toBe('end');
    expect([one.text, Buffer.concat(received).toString(), proxy.dropped()]).toEqual(['', 'lost', 1]);
    const other = client();
    other.socket.write('served');
    await other.has('served');
  });

  test('a client of a server that is not there is reset', async () => {
    proxy = await tcpProxy({ target: { port: 1 } });
    expect(await client().over).toBe('reset');
  });
});

/** A Kafka request. The echo is not a Kafka answer, so the id is at the place that both share. */
function kafka(apiKey: number, correlation: number): Buffer {
  const frame = Buffer.alloc(20);
  frame.writeInt32BE(16, 0);
  frame.writeInt16BE(apiKey, 4);
  frame.writeInt32BE(correlation, 8);
  return frame;
}

function mongo(id: number, command: string): Buffer {
  const name = Buffer.from(`\u0002${command}\0`);
  const frame = Buffer.alloc(16 + 4 + 1 + 4 + name.length);
  frame.writeInt32LE(frame.length, 0);
  frame.writeInt32LE(id, 4);
  frame.writeInt32LE(id, 8);
  frame.writeInt32LE(2013, 12);
  name.copy(frame, 25);
  return frame;
}

describe('a proxy that knows the protocol', () => {
  test('Kafka: names the request', () => expect(kafkaRequest(kafka(11, 1))).toBe(11));

  test('MongoDB: names the command, and of what is no OP_MSG none', () => {
    expect(mongoCommand(mongo(1, 'findAndModify'))).toBe('findAndModify');
    expect(mongoCommand(Buffer.alloc(40))).toBeUndefined();
    expect(mongoCommand(Buffer.alloc(3))).toBeUndefined();
  });

  test('drops the answer to the request that was meant, after those before it', async () => {
    await start('mongo');
    proxy.dropAnswers((request) => mongoCommand(request) === 'insert');
    const one = client();
    const [find, insert, count] = [mongo(1, 'find'), mongo(2, 'insert'), mongo(3, 'count')];
    // Cut in the middle of a message.
    const all = Buffer.concat([find, insert, count]);
    one.socket.write(all.subarray(0, 30));
    one.socket.write(all.subarray(30));
    expect(await one.over).toBe('end');
    expect(one.text).toBe(find.toString('latin1'));
    expect(proxy.dropped()).toBe(1);
    expect(Buffer.concat(received).includes(insert)).toBe(true);
    proxy.dropAnswers(0);
    const other = client();
    other.socket.write(insert);
    await other.has(insert.toString('latin1'));
  });

  test('loses only the chosen request: the server gets those before it, the client a broken connection', async () => {
    await start('mongo');
    proxy.loseRequests((request) => mongoCommand(request) === 'insert');
    const one = client();
    const [find, insert, count] = [mongo(1, 'find'), mongo(2, 'insert'), mongo(3, 'count')];
    one.socket.write(Buffer.concat([find, insert, count]));
    await one.over;
    expect(proxy.lost()).toBe(1);
    await expect.poll(() => Buffer.concat(received)).toEqual(find);
    proxy.loseRequests();
    const other = client();
    other.socket.write(insert);
    await other.has(insert.toString('latin1'));
  });
});
