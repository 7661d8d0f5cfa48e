import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '@provider-access/testing';
import { CliError, EXIT } from '../output.ts';
import { run } from '../program.ts';
import { bulkExport, type BulkResult } from './bulk.ts';
import { newKey } from './credentials.ts';
import { download } from './download.ts';
import { retryAfterMs, type Timing } from './patience.ts';
import { Server } from './server.ts';
import { TokenSource } from './token.ts';

/** Any bytes: a client keeps a file as the server sends it. */
const FILE = randomBytes(300_000);
const ETAG = '"1"';
const MINUTE = 60_000;
type Target = 'configuration' | 'token' | 'kick-off' | 'status' | 'file';

/** A platform in this process. `interfere` may answer first. Time passes only when the client sleeps. */
class Platform {
  readonly requests: Target[] = [];
  readonly tokens: string[] = [];
  readonly ranges: (string | undefined)[] = [];
  readonly pauses: number[] = [];
  /** ms since the epoch */
  clock = Date.UTC(2026, 10, 26, 12);
  readonly started = this.clock;
  interfere: (target: Target, response: ServerResponse, request: IncomingMessage) => boolean = () => false;
  onTime: () => Promise<void> = () => Promise.resolve();
  base = '';
  #polls = 0;
  #server: HttpServer | undefined;

  readonly timing: Timing = {
    now: () => this.clock,
    sleep: async (ms) => {
      this.pauses.push(ms);
      this.clock += ms;
      await this.onTime();
    },
    random: () => 0.5,
  };
  get elapsed(): number {
    return this.clock - this.started;
  }

  async listen(port = 0): Promise<void> {
    this.#server = createServer((request, response) => this.#answer(request, response));
    await new Promise<void>((resolve, reject) =>
      this.#server!.once('error', reject).listen(port, '127.0.0.1', resolve),
    );
    this.base = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  /** From now on connections are refused. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }
  comeBack(): Promise<void> {
    return this.listen(Number(new URL(this.base).port));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = new URL(request.url!, this.base).pathname;
    const target: Target = path.endsWith('smart-configuration')
      ? 'configuration'
      : path === '/token'
        ? 'token'
        : path.endsWith('$export')
          ? 'kick-off'
          : path === '/status'
            ? 'status'
            : 'file';
    this.requests.push(target);
    if (this.interfere(target, response, request)) return;
    const json = (body: unknown, status = 200, headers = {}): void =>
      void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    if (target === 'configuration') return json({ token_endpoint: `${this.base}/token` });
    if (target === 'token')
      return json({ access_token: `secret-${this.tokens.push('') - 1}`, expires_in: 300, scope: 'system/*.rs' });
    if (target === 'kick-off') return json({}, 202, { 'content-location': `${this.base}/status` });
    if (target === 'status') {
      this.#polls += 1;
      if (this.#polls < 3) return json({}, 202, { 'retry-after': '5', 'x-progress': '1 of 2 chunks' });
      return json({
        transactionTime: '2026-11-26T12:00:00Z',
        request: '',
        requiresAccessToken: true,
        output: [{ type: 'Patient', url: `${this.base}/file?signature=hidden` }],
        error: [],
      });
    }
    this.ranges.push(request.headers.range);
    const from = request.headers.range === undefined ? 0 : Number(/^bytes=(\d+)-$/.exec(request.headers.range)![1]);
    response
      .writeHead(from === 0 ? 200 : 206, { etag: ETAG, 'content-length': FILE.length - from })
      .end(FILE.subarray(from));
  }
}

let platform: Platform;
let folder: string;
const key = await newKey('ES384');
beforeEach(async () => {
  platform = new Platform();
  folder = mkdtempSync(join(tmpdir(), 'provider-access-patience-'));
  await platform.listen();
});
afterEach(async () => {
  await platform.refuse();
  rmSync(folder, { recursive: true });
});

const exported = (more: { patienceMs?: number; onProgress?: (text: string) => void } = {}): Promise<BulkResult> => {
  const server = new Server(platform.base);
  const tokens = new TokenSource(server, { clientId: 'app', key, scope: 'system/*.rs' });
  return bulkExport({
    server,
    token: (refused) => tokens.get(refused),
    group: 'g',
    out: folder,
    timing: platform.timing,
    ...more,
  });
};
const fetched = (more: { patienceMs?: number; token?: (refused?: string) => Promise<string> } = {}): Promise<unknown> =>
  download(`${platform.base}/file?signature=hidden`, join(folder, 'file'), {
    token: () => Promise.resolve('secret-token'),
    onEtag: () => {},
    onBytes: () => {},
    timing: platform.timing,
    ...more,
  });
/** Bytes of files that are not complete. */
const keptBytes = (): number =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.part'))
    .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const faultOf = (work: Promise<unknown>): Promise<CliError> =>
  work.then(
    () => Promise.reject(new Error('it succeeded')),
    (error: unknown) => error as CliError,
  );
const unavailable = (response: ServerResponse, retryAfter?: string): true => {
  response
    .writeHead(503, { ...(retryAfter !== undefined && { 'retry-after': retryAfter }) })
    .end(JSON.stringify({ issue: [{ diagnostics: 'the views are starting' }] }));
  return true;
};

describe('an export', () => {
  test.each<Target>(['configuration', 'token', 'kick-off', 'status', 'file'])(
    'survives a restart of two minutes that begins at the request for: %s',
    async (first) => {
      let began: number | undefined;
      platform.interfere = (target, response) => {
        if (began === undefined) {
          if (target !== first) return false;
          began = platform.clock;
          if (target === 'file') {
            // The client has a part of the file when the platform stops.
            response.writeHead(200, { etag: ETAG, 'content-length': FILE.length });
            response.write(FILE.subarray(0, FILE.length / 2));
            void eventually(() => keptBytes() >= 100).then(() => platform.refuse());
          } else void platform.refuse();
          return true;
        }
        if (platform.clock - began >= 2 * MINUTE) return false;
        return unavailable(
          response,
          platform.requests.length % 2 === 0 ? '7' : new Date(platform.clock + 9000).toUTCString(),
        );
      };
      let back = false;
      platform.onTime = async () => {
        if (back || began === undefined || platform.clock - began < MINUTE) return;
        back = true;
        await platform.comeBack();
      };
      const progress: string[] = [];
      const { files } = await exported({ onProgress: (text) => progress.push(text) });
      expect(files).toMatchObject([{ type: 'Patient', bytes: FILE.length }]);
      expect(hash(readFileSync(files[0]!.file))).toBe(hash(FILE));
      expect(platform.elapsed).toBeGreaterThanOrEqual(2 * MINUTE);
      expect(new Set(platform.pauses)).toContain(7000);
      expect(new Set(platform.pauses)).toContain(9000);
      expect(progress.join('\n')).toContain('the views are starting');
      if (first === 'file') expect(platform.ranges).toEqual([expect.stringMatching(/^bytes=\d{3,}-$/)]);
    },
  );

  test('waits between polls for as long as the server asks', async () => {
    await exported();
    expect(platform.pauses).toEqual([5000, 5000]);
  });

  test('gives up when the budget is spent, and says where, for how long and what came last', async () => {
    platform.interfere = (target, response) => target === 'status' && unavailable(response, '30');
    const fault = await faultOf(exported());
    expect(fault).toBeInstanceOf(CliError);
    expect(fault.code).toBe(EXIT.unavailable);
    expect(fault.message).toBe(
      `${platform.base}/status gave no usable answer for 300 s (last answer: the views are starting (503)). Run ` +
        'the same command again: it continues where it stopped.',
    );
    expect(platform.elapsed).toBe(5 * MINUTE);
  });

  test('starts the budget again with each progress', async () => {
    let polls = 0;
    platform.interfere = (target, response) => {
      // Unreachable for four minutes before each answer: twelve minutes in all.
      if (target !== 'status') return false;
      return polls++ % 5 < 4 && unavailable(response, '60');
    };
    await exported();
    expect(platform.elapsed).toBeGreaterThanOrEqual(12 * MINUTE);
  });

  test('ends at once when the platform refuses the kick-off', async () => {
    platform.interfere = (target, response) => target === 'kick-off' && (response.writeHead(404).end(), true);
    expect((await faultOf(exported())).code).toBe(EXIT.refused);
    expect(platform.pauses).toEqual([]);
    expect(platform.requests.filter((target) => target === 'kick-off')).toHaveLength(1);
  });

  test('ends at once when the job has failed', async () => {
    platform.interfere = (target, response) => target === 'status' && (response.writeHead(500).end(), true);
    expect((await faultOf(exported())).message).toBe('the server answered 500');
    expect(platform.pauses).toEqual([]);
  });

  test('takes the time that the command line names, in whole seconds', async () => {
    expect(await run(['export', '--group', 'g', '--out', folder, '--patience', '1m'])).toBe(EXIT.usage);
    const fault = await faultOf(
      ((platform.interfere = (_, response) => unavailable(response)), exported({ patienceMs: 0 })),
    );
    expect(fault.message).toContain('gave no usable answer for 0 s');
    expect(platform.pauses).toEqual([]);
  });
});

describe('a download', () => {
  test('gives up after refused connections for the whole budget, and names no token and no query', async () => {
    await platform.refuse();
    const fault = await faultOf(fetched());
    expect(fault.code).toBe(EXIT.unavailable);
    expect(fault.message).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+\/file gave no usable answer for 300 s \(last answer: ECONNREFUSED\)/,
    );
    expect(fault.message).not.toMatch(/secret-token|hidden/);
    expect(platform.elapsed).toBe(5 * MINUTE);
  });

  test('asks more and more seldom, and no more seldom than every ten seconds', async () => {
    await platform.refuse();
    await faultOf(fetched());
    expect(platform.pauses.slice(0, 8)).toEqual([250, 375, 750, 1500, 3000, 6000, 7500, 7500]);
    expect(Math.max(...platform.pauses)).toBeLessThanOrEqual(10_000);
  });

  test('ends at once at a 4xx', async () => {
    platform.interfere = (_, response) => (response.writeHead(404).end(), true);
    expect((await faultOf(fetched())).code).toBe(EXIT.refused);
    expect(platform.requests).toEqual(['file']);
  });

  test('gets a fresh token for one that the server does not accept, once', async () => {
    platform.interfere = (_, response, request) =>
      request.headers.authorization === 'Bearer old' && (response.writeHead(401).end(), true);
    await fetched({ token: (refused) => Promise.resolve(refused === 'old' ? 'new' : 'old') });
    expect(hash(readFileSync(join(folder, 'file')))).toBe(hash(FILE));
    expect(platform.pauses).toEqual([]);
    platform.requests.length = 0;
    expect((await faultOf(fetched({ token: () => Promise.resolve('old') }))).code).toBe(EXIT.unauthorized);
    expect(platform.requests).toEqual(['file']);
  });

  test('ends when the connection is cut at the same byte for ever', async () => {
    platform.interfere = (_, response) => {
      response.writeHead(200, { 'content-length': FILE.length });
      response.write(FILE.subarray(0, 1000), () => response.destroy());
      return true;
    };
    expect((await faultOf(fetched())).message).toMatch(/gave no usable answer for 300 s/);
  });

  test('starts over when the part it has does not fit the file any more', async () => {
    let first = true;
    platform.interfere = (_, response, request) => {
      if (first) {
        first = false;
        response.writeHead(200, { etag: ETAG, 'content-length': FILE.length });
        response.write(FILE.subarray(0, 1000), () => response.destroy());
        return true;
      }
      return request.headers.range !== undefined && (response.writeHead(416).end(), true);
    };
    await fetched();
    expect(hash(readFileSync(join(folder, 'file')))).toBe(hash(FILE));
  });

  test('does not try again when the client cannot write', async () => {
    expect(
      await faultOf(
        download(`${platform.base}/file`, join(folder, 'none', 'file'), {
          token: () => Promise.resolve('t'),
          onEtag: () => {},
          onBytes: () => {},
          timing: platform.timing,
        }),
      ),
    ).toMatchObject({ code: 'ENOENT' });
    expect(platform.pauses).toEqual([]);
  });
});

test.each([
  ['120', 120_000],
  [' 0 ', 0],
  ['Thu, 26 Nov 2026 12:00:30 GMT', 30_000],
  ['Thu, 26 Nov 2026 11:00:00 GMT', 0],
  ['soon', undefined],
  ['-5', undefined],
  [null, undefined],
])('Retry-After %s is %s ms', (header, expected) => {
  expect(retryAfterMs(header, Date.UTC(2026, 10, 26, 12))).toBe(expected);
});
