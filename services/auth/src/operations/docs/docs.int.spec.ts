import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createServiceApp } from '@provider-access/service/http';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DOCUMENTATION, DocsController } from './docs.controller.ts';
import { Site } from './site.ts';

@Module({})
class Alone {}

let root: string;
let app: NestFastifyApplication;
let server: Server;

/** The path goes out as it is written. Clients such as fetch would remove `..` before. */
function get(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const { port } = server.address() as AddressInfo;
  return new Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }>((resolve, reject) => {
    request({ port, path, headers, method }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(parts) }),
      );
    })
      .on('error', reject)
      .end();
  });
}
const site = (): string => join(root, 'site');
function build(files: Readonly<Record<string, string>>, at = new Date()): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(site(), name, '..'), { recursive: true });
    writeFileSync(join(site(), name), text);
  }
  utimesSync(join(site(), 'index.html'), at, at);
}

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'docs-'));
  writeFileSync(join(root, 'secret.html'), 'secret');
  app = await createServiceApp(
    {
      module: Alone,
      controllers: [DocsController],
      providers: [
        { provide: DOCUMENTATION, useValue: { site: new Site(site()), openApi: Buffer.from('{"openapi":"3.1.0"}') } },
      ],
    },
    { name: 'auth', ports: { metrics: new Metrics(), logger: silentLogger } },
  );
  server = createServer((incoming, response) => app.getHttpAdapter().getInstance().routing(incoming, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await app.close();
  rmSync(root, { recursive: true });
});

describe('R7: a site that was built', () => {
  beforeEach(() =>
    build({
      'index.html': '<h1>home</h1>',
      '404.html': 'nothing here',
      'adr/index.html': 'records',
      'refusals.html': 'codes',
      'assets/a.js': 'run()',
      'diagrams/d.svg': '<svg/>',
      'notes.bin': 'unknown type',
    }),
  );

  test.each([
    ['/docs/', 'text/html; charset=utf-8', '<h1>home</h1>'],
    ['/docs/index.html', 'text/html; charset=utf-8', '<h1>home</h1>'],
    ['/docs/adr/', 'text/html; charset=utf-8', 'records'],
    ['/docs/assets/a.js', 'text/javascript; charset=utf-8', 'run()'],
    ['/docs/diagrams/d.svg', 'image/svg+xml', '<svg/>'],
  ])('%s is served as it is, and compressed', async (path, type, text) => {
    const plain = await get(path);
    expect({ status: plain.status, type: plain.headers['content-type'], text: plain.body.toString() }).toEqual({
      status: 200,
      type,
      text,
    });
    const packed = await get(path, { 'accept-encoding': 'br, gzip;q=0.5' });
    expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'accept-encoding' });
    expect(gunzipSync(packed.body).toString()).toBe(text);
    expect((await get(path, { 'accept-encoding': 'gzip;q=0' })).headers['content-encoding']).toBeUndefined();
    const head = await get(path, {}, 'HEAD');
    expect({ status: head.status, bytes: head.body.length }).toEqual({ status: 200, bytes: 0 });
  });

  test('pages run no inline script or style, and are shown in no other page', async () => {
    const { headers } = await get('/docs/');
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    const picture = (await get('/docs/diagrams/d.svg')).headers['content-security-policy'];
    expect(picture).toContain("default-src 'none'");
    expect(picture).not.toContain('script-src');
  });

  test('a browser that has a file gets 304, and never asks again for named files', async () => {
    const { headers } = await get('/docs/');
    expect(headers['cache-control']).toBe('no-cache');
    const again = await get('/docs/', { 'if-none-match': `W/${headers.etag!}` });
    expect({ status: again.status, bytes: again.body.length }).toEqual({ status: 304, bytes: 0 });
    expect((await get('/docs/', { 'if-none-match': '"other"' })).status).toBe(200);
    expect((await get('/docs/assets/a.js')).headers['cache-control']).toContain('immutable');
  });

  test.each([
    '/docs/../secret.html',
    '/docs/%2e%2e/secret.html',
    '/docs/..%2fsecret.html',
    '/docs/..%5csecret.html',
    '/docs/adr/../../secret.html',
    '/docs//../secret.html',
    '/docs/link.html',
    '/docs/notes.bin',
    '/docs/adr/none',
    '/docs/__proto__',
    '/docs/%00',
  ])('%s leads nowhere', async (path) => {
    symlinkSync(join(root, 'secret.html'), join(site(), 'link.html'));
    const { status, body } = await get(path);
    expect(status).toBe(404);
    expect(body.toString()).not.toContain('secret');
  });

  test.each([
    ['/docs', '/docs/'],
    ['/docs?x', '/docs/'],
    ['/docs/adr', '/docs/adr/'],
    // U5: these were empty pages.
    ['/docs/refusals', '/docs/refusals.html'],
    ['/docs/refusals/', '/docs/refusals.html'],
    ['/docs/refusals.md?x', '/docs/refusals.html'],
    ['/docs/Refusals.HTML', '/docs/refusals.html'],
    ['/docs/adr/README.md', '/docs/adr/'],
    ['/docs/adr/index', '/docs/adr/'],
    ['/docs/index', '/docs/'],
  ])('%s leads to %s, because links of a page are relative', async (path, location) => {
    expect(await get(path)).toMatchObject({ status: 301, headers: { location } });
  });

  test('that is built again is served without a restart', async () => {
    const { headers } = await get('/docs/');
    build({ 'index.html': '<h1>new</h1>', 'new.html': 'page' }, new Date(Date.now() + 5000));
    const after = await get('/docs/', { 'if-none-match': headers.etag! });
    expect({ status: after.status, text: after.body.toString() }).toEqual({ status: 200, text: '<h1>new</h1>' });
    expect((await get('/docs/new.html')).status).toBe(200);
  });

  test('a file that has gone since is not found', async () => {
    await get('/docs/');
    rmSync(join(site(), 'adr'), { recursive: true });
    expect((await get('/docs/adr/')).status).toBe(404);
  });
});

test('a site that nobody has built is a page that says how', async () => {
  for (const path of ['/docs/', '/docs/architecture.html']) {
    const { status, headers, body } = await get(path);
    expect({ status, type: headers['content-type'] }).toEqual({ status: 404, type: 'text/html; charset=utf-8' });
    expect(body.toString()).toContain('npm run docs');
  }
});

test('/openapi.json needs no build', async () => {
  const { status, headers, body } = await get('/openapi.json');
  expect({ status, type: headers['content-type'] }).toEqual({ status: 200, type: 'application/json; charset=utf-8' });
  expect(JSON.parse(body.toString())).toEqual({ openapi: '3.1.0' });
});

test('every page of a sandbox says that it is one, and no other file does', async () => {
  build({ 'index.html': '<html><body class="a"><h1>home</h1></body></html>', 'assets/a.js': 'run("<body>")' });
  const sandbox = new Site(site(), 'All data is synthetic.');
  const page = (await sandbox.file('index.html'))!;
  const text =
    '<html><body class="a"><aside class="pa-notice" aria-label="Notice">All data is synthetic.</aside>' +
    '<h1>home</h1></body></html>';
  expect((await page.plain()).toString()).toBe(text);
  expect(gunzipSync(page.gzipped).toString()).toBe(text);
  expect((await (await sandbox.file('assets/a.js'))!.plain()).toString()).toBe('run("<body>")');
  expect(page.version).not.toEqual((await new Site(site()).file('index.html'))!.version);
});
