import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromium } from 'playwright-core';
import type { Manifest, PlatformProcess } from '@provider-access/cli';
import { freshPlatform, registerApp, type TestApp } from './harness.ts';
import { largest } from './payers.ts';
import { findGroup, http, kickOff, optIn, optOut, sealed, takesEffect } from './road.ts';
import { LIMITS, sharedPayer } from './world/context.ts';

const run = promisify(execFile);
const CHROMIUM = '/usr/bin/chromium';
const has = (tool: string): boolean => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0;
const MAX = { maxBuffer: 256 * 1024 * 1024, encoding: 'buffer' } as const;

const PYTHON = `
import gzip, sys, urllib.request
headers = {'Authorization': 'Bearer ' + sys.argv[2], 'Accept-Encoding': sys.argv[3]}
request = urllib.request.Request(sys.argv[1], headers=headers)
with urllib.request.urlopen(request) as response:
    body = response.read()
    coded = response.headers.get('Content-Encoding') == 'gzip'
assert coded == (sys.argv[3] == 'gzip'), 'the coding that was asked for'
sys.stdout.buffer.write(gzip.decompress(body) if coded else body)
`;

describe('files of an export, read by what people have', () => {
  const payer = sharedPayer();
  const organization = largest(payer);
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let platform: PlatformProcess;
  let app: TestApp;
  let token: string;
  let manifest: Manifest;
  let status: string;
  const urlOf = (type = 'ExplanationOfBenefit'): string => manifest.output.find((f) => f.type === type)!.url;

  beforeAll(async () => {
    fresh = await freshPlatform({ env: LIMITS, shared: payer });
    platform = fresh.platform();
    app = await registerApp(platform, { name: 'Reads', npi: organization.npi, tin: organization.tin });
    token = await app.tokens.get();
    status = await kickOff(platform, token, (await findGroup(platform, token, organization.npi)).id);
    manifest = await sealed(status, token);
  });
  afterAll(() => fresh?.dispose());

  /** Each returns the decoded bytes of a file as its tool sees them. */
  const readers: readonly (readonly [name: string, missing: boolean, read: (url: string) => Promise<Buffer>])[] = [
    [
      'curl',
      !has('curl'),
      async (url) => (await run('curl', ['-sSf', '-H', `Authorization: Bearer ${token}`, url], MAX)).stdout,
    ],
    [
      'curl --compressed',
      !has('curl'),
      async (url) =>
        (await run('curl', ['-sSf', '--compressed', '-H', `Authorization: Bearer ${token}`, url], MAX)).stdout,
    ],
    [
      'wget',
      !has('wget'),
      async (url) => (await run('wget', ['-q', '-O', '-', `--header=Authorization: Bearer ${token}`, url], MAX)).stdout,
    ],
    [
      'wget --compression=gzip',
      !has('wget'),
      async (url) =>
        (
          await run(
            'wget',
            ['-q', '-O', '-', '--compression=gzip', `--header=Authorization: Bearer ${token}`, url],
            MAX,
          )
        ).stdout,
    ],
    [
      'python3, plain',
      !has('python3'),
      async (url) => (await run('python3', ['-c', PYTHON, url, token, 'identity'], MAX)).stdout,
    ],
    [
      'python3, urllib and gzip',
      !has('python3'),
      async (url) => (await run('python3', ['-c', PYTHON, url, token, 'gzip'], MAX)).stdout,
    ],
    [
      'Node, fetch',
      false,
      async (url) =>
        Buffer.from(await (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).arrayBuffer()),
    ],
    [
      'Node, http and gunzip',
      false,
      async (url) => {
        const answer = await http(url, { token, headers: { 'accept-encoding': 'gzip' } });
        expect(answer.headers['content-encoding']).toBe('gzip');
        return gunzipSync(answer.body);
      },
    ],
    ['Chromium', !existsSync(CHROMIUM), inChromium],
  ];

  async function inChromium(url: string): Promise<Buffer> {
    // Loopback only, without the browser's own traffic.
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    try {
      // The page of an app of its own, whose policy allows requests. No page of the platform does.
      const page = await browser.newPage({ bypassCSP: true });
      await page.goto(`${platform.base}/health/live`);
      const { encoding, base64 } = await page.evaluate(
        async ([target, bearer]) => {
          const response = await fetch(target!, { headers: { authorization: `Bearer ${bearer}` } });
          const bytes = new Uint8Array(await response.arrayBuffer());
          let binary = '';
          for (let i = 0; i < bytes.length; i += 32_768)
            binary += String.fromCharCode(...bytes.subarray(i, i + 32_768));
          return { encoding: response.headers.get('content-encoding'), base64: btoa(binary) };
        },
        [url, token],
      );
      expect(encoding).toBe('gzip');
      return Buffer.from(base64, 'base64');
    } finally {
      await browser.close();
    }
  }

  /** Downloads the file over a bare connection, and compares it with its count. */
  async function reference(type: string, from: Manifest = manifest): Promise<Buffer> {
    const { url, count } = from.output.find((f) => f.type === type)!;
    const { status: code, body, headers } = await http(url, { token });
    expect(code).toBe(200);
    expect(headers['content-encoding']).toBeUndefined();
    expect(body.at(-1)).toBe(10);
    const lines = body.toString().trimEnd().split('\n');
    expect(lines.length).toBe(count);
    for (const line of lines) expect((JSON.parse(line) as { resourceType: string }).resourceType).toBe(type);
    return body;
  }

  for (const [name, missing, read] of readers) {
    test.skipIf(missing)(`${name} reads every byte (skipped where it is not installed)`, async () => {
      for (const type of ['ExplanationOfBenefit', 'Patient'])
        expect((await read(urlOf(type))).equals(await reference(type)), type).toBe(true);
    });
  }

  test.skipIf(!has('curl'))(
    'curl goes on where it stopped, under If-Range (skipped where curl is not installed)',
    async () => {
      const folder = join(fresh.folder, 'curl');
      mkdirSync(folder);
      const url = urlOf();
      const whole = await reference('ExplanationOfBenefit');
      const etag = (await http(url, { token, method: 'HEAD' })).headers.etag!;
      const half = Math.floor(whole.length / 2);
      const out = join(folder, 'eob.ndjson');
      const headers = ['-H', `If-Range: ${etag}`, '-H', `Authorization: Bearer ${token}`];
      await run('curl', ['-sSf', '-r', `0-${half - 1}`, ...headers, '-o', out, url]);
      expect(readFileSync(out).length).toBe(half);
      await run('curl', ['-sSf', '-C', '-', ...headers, '-o', out, url]);
      expect(readFileSync(out).equals(whole)).toBe(true);
    },
  );

  test.each(['identity', 'gzip'] as const)(
    '%s: HEAD says what GET gives, ranges fit together, another ETag gets the whole',
    async (coding) => {
      const url = urlOf();
      const headers = { 'accept-encoding': coding };
      const whole = await http(url, { token, headers });
      const head = await http(url, { token, headers, method: 'HEAD' });
      const etag = whole.headers.etag!;
      expect(etag).toMatch(/^"[^"]+"$/);
      expect(head.body.length).toBe(0);
      for (const name of ['content-length', 'etag', 'content-type', 'content-encoding', 'accept-ranges', 'vary'])
        expect(head.headers[name], name).toBe(whole.headers[name]);
      expect(Number(head.headers['content-length'])).toBe(whole.body.length);

      const n = whole.body.length;
      const cuts = [0, 1, 9, 10, 11, Math.floor(n / 3), Math.floor(n / 2), n - 9, n - 8, n - 1, n];
      const parts: Buffer[] = [];
      for (let i = 1; i < cuts.length; i += 1) {
        const part = await http(url, {
          token,
          headers: { ...headers, range: `bytes=${cuts[i - 1]}-${cuts[i]! - 1}`, 'if-range': etag },
        });
        expect(part.status).toBe(206);
        expect(part.headers['content-range']).toBe(`bytes ${cuts[i - 1]}-${cuts[i]! - 1}/${n}`);
        expect(Number(part.headers['content-length'])).toBe(part.body.length);
        parts.push(part.body);
      }
      expect(Buffer.concat(parts).equals(whole.body)).toBe(true);
      const suffix = await http(url, { token, headers: { ...headers, range: 'bytes=-20', 'if-range': etag } });
      expect([suffix.status, suffix.body.equals(whole.body.subarray(n - 20))]).toEqual([206, true]);
      const beyond = await http(url, { token, headers: { ...headers, range: `bytes=${n}-`, 'if-range': etag } });
      expect([beyond.status, beyond.headers['content-range']]).toEqual([416, `bytes */${n}`]);

      const other = (
        await http(url, { token, headers: { 'accept-encoding': coding === 'gzip' ? 'identity' : 'gzip' } })
      ).headers.etag!;
      expect(other).not.toBe(etag);
      for (const ifRange of [
        { 'if-range': '"x"' },
        { 'if-range': other },
        { 'if-range': `W/${etag}` },
      ] as readonly Record<string, string>[]) {
        const answer = await http(url, { token, headers: { ...headers, range: 'bytes=100-', ...ifRange } });
        expect([answer.status, answer.body.equals(whole.body)], JSON.stringify(ifRange)).toEqual([200, true]);
      }
      // E73: without If-Range while the file is as it was sealed.
      const plain = await http(url, { token, headers: { ...headers, range: 'bytes=100-' } });
      expect([plain.status, plain.body.equals(whole.body.subarray(100))]).toEqual([206, true]);
      const known = await http(url, { token, headers: { ...headers, 'if-none-match': etag } });
      expect([known.status, known.body.length]).toEqual([304, 0]);
    },
  );

  test.skipIf(!has('curl'))('E73: curl -C - goes on with a file that broke off, and takes nothing twice', async () => {
    const file = join(fresh.folder, 'resumed.ndjson');
    const whole = await reference('ExplanationOfBenefit');
    writeFileSync(file, whole.subarray(0, 1234));
    const args = ['-sSf', '-C', '-', '-o', file, '-w', '%{http_code} %{size_download}'];
    const { stdout } = await run('curl', [...args, '-H', `Authorization: Bearer ${token}`, urlOf()], MAX);
    expect(stdout.toString()).toBe(`206 ${whole.length - 1234}`);
    expect(readFileSync(file).equals(whole)).toBe(true);
  });

  test('after an opt-out in the middle of the file: all of them read the rest, whole and well formed', async () => {
    const inOrder = [
      ...new Set(
        [
          ...(await reference('ExplanationOfBenefit'))
            .toString()
            .matchAll(/"patient":\{"reference":"Patient\/(m-\d+)"/g),
        ].map((m) => m[1]!),
      ),
    ];
    const member = inOrder[Math.floor(inOrder.length / 2)]!;
    const before = (await reference('ExplanationOfBenefit')).toString();
    const etag = (await http(urlOf(), { token, headers: { 'accept-encoding': 'gzip' } })).headers.etag!;
    await takesEffect(platform, optOut(member));
    const now = await sealed(status, token);
    const expected = before
      .split('\n')
      .filter((line) => !line.includes(member))
      .join('\n');
    expect((await reference('ExplanationOfBenefit', now)).toString()).toBe(expected);
    for (const [name, missing, read] of readers)
      if (!missing) expect((await read(urlOf())).toString() === expected, name).toBe(true);
    for (const coding of ['identity', 'gzip']) {
      const resumed = await http(urlOf(), {
        token,
        headers: { 'accept-encoding': coding, range: 'bytes=50-', 'if-range': etag },
      });
      expect(resumed.status).toBe(200);
      expect((coding === 'gzip' ? gunzipSync(resumed.body) : resumed.body).toString()).toBe(expected);
      const head = await http(urlOf(), { token, method: 'HEAD', headers: { 'accept-encoding': coding } });
      expect(Number(head.headers['content-length'])).toBe(resumed.body.length);
    }
    await takesEffect(platform, optIn(member));
  });
});
