import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createServiceApp } from '@provider-access/service/http';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BuiltPages } from './built-pages.ts';
import { BUILT_PAGES, PortalController } from './portal.controller.ts';

@Module({})
class Alone {}

let root: string;
let app: NestFastifyApplication;
let server: Server;

/** The path goes out as it is written. Clients such as fetch would remove `..` before. */
function get(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const { port } = server.address() as AddressInfo;
  return new Promise<{ status: number; headers: IncomingHttpHeaders; body: string }>((resolve, reject) => {
    request({ port, path, headers, method }, (response) => {
      let body = '';
      response.on('data', (part: Buffer) => (body += part.toString()));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    })
      .on('error', reject)
      .end();
  });
}
const FILES: Readonly<Record<string, string>> = {
  'index.html': '<p>staff</p>',
  'index.html.gz': 'packed by gzip',
  'member.html': '<p>member</p>',
  'assets/a-1.js': 'run()',
  'assets/a-1.js.gz': 'packed by gzip',
  'assets/a-1.js.br': 'packed by brotli',
  'notes.txt': 'not a file of the pages',
  'pages.json': JSON.stringify({ '': 'index.html', apps: 'index.html', member: 'member.html' }),
};
function build(files: Readonly<Record<string, string>>, at = new Date(2026, 0, 1)): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, 'site', name, '..'), { recursive: true });
    writeFileSync(join(root, 'site', name), text);
  }
  utimesSync(join(root, 'site/pages.json'), at, at);
}

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'portal-'));
  writeFileSync(join(root, 'secret.html'), 'secret');
  app = await createServiceApp(
    {
      module: Alone,
      controllers: [PortalController],
      providers: [{ provide: BUILT_PAGES, useValue: new BuiltPages(join(root, 'site')) }],
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

describe('the pages for people (N53)', () => {
  beforeEach(() => build(FILES));

  test.each([
    ['/portal', 200, '<p>staff</p>'],
    ['/portal/', 200, '<p>staff</p>'],
    ['/portal/apps', 200, '<p>staff</p>'],
    ['/portal/apps?lang=es', 200, '<p>staff</p>'],
    ['/portal/member', 200, '<p>member</p>'],
    ['/portal/member/', 200, '<p>member</p>'],
    ['/portal/other', 404, '<p>staff</p>'],
    ['/portal/apps/c-1', 404, '<p>staff</p>'],
    ['/portal/index.html', 404, '<p>staff</p>'],
    ['/portal/pages.json', 404, '<p>staff</p>'],
    ['/portal/../secret.html', 404, undefined],
    ['/portal/..%2fsecret.html', 404, '<p>staff</p>'],
    ['/portal/assets/../../secret.html', 404, undefined],
    ['/portal/assets/%2e%2e/%2e%2e/secret.html', 404, undefined],
    ['/portal/__proto__', 404, '<p>staff</p>'],
    ['/portal/constructor', 404, '<p>staff</p>'],
    ['/portal/%00', 404, undefined],
  ])('%s is %i', async (path, status, body) => {
    const answer = await get(path);
    expect(answer.status).toBe(status);
    expect(answer.body).not.toContain('secret</');
    expect(answer.body).not.toBe('secret');
    if (body !== undefined) expect(answer.body).toBe(body);
  });

  test.each(['/portal', '/portal/member', '/portal/other', '/portal/assets/a-1.js'])(
    '%s runs no inline script or style, is in no frame, and tells no server where the reader was',
    async (path) => {
      expect((await get(path)).headers).toMatchObject({
        'content-security-policy':
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; " +
          "trusted-types 'none'",
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'cross-origin-opener-policy': 'same-origin',
      });
      expect((await get(path)).headers['set-cookie']).toBeUndefined();
      expect((await get(path)).headers['access-control-allow-origin']).toBeUndefined();
    },
  );

  test('a file whose name changes with its content is kept for ever, and a page is not', async () => {
    const file = await get('/portal/assets/a-1.js');
    expect(file.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(file.headers['content-type']).toBe('text/javascript; charset=utf-8');
    const page = await get('/portal');
    expect([page.headers['cache-control'], page.headers['content-type']]).toEqual([
      'no-cache',
      'text/html; charset=utf-8',
    ]);
    expect((await get('/portal', { 'if-none-match': String(page.headers['etag']) })).status).toBe(304);
    expect((await get('/portal/assets/b-2.js')).status).toBe(404);
    expect((await get('/portal/other')).headers['cache-control']).toBe('no-store');
  });

  test.each([
    ['/portal/assets/a-1.js', 'gzip, deflate, br, zstd', 'br', 'packed by brotli'],
    ['/portal/assets/a-1.js', 'gzip', 'gzip', 'packed by gzip'],
    ['/portal/assets/a-1.js', 'br;q=0, gzip;q=0.5', 'gzip', 'packed by gzip'],
    ['/portal/assets/a-1.js', 'identity', undefined, 'run()'],
    ['/portal', 'br, gzip', 'gzip', 'packed by gzip'],
    ['/portal/member', 'br, gzip', undefined, '<p>member</p>'],
  ])('%s for a client that takes %s is in %s', async (path, accepted, coding, body) => {
    const answer = await get(path, { 'accept-encoding': accepted });
    expect([answer.headers['content-encoding'], answer.body]).toEqual([coding, body]);
    expect(answer.headers['vary']).toContain('accept-encoding');
  });

  test('takes GET and HEAD alone', async () => {
    expect((await get('/portal', {}, 'HEAD')).status).toBe(200);
    for (const method of ['POST', 'DELETE', 'PUT'])
      expect([404, 405]).toContain((await get('/portal', {}, method)).status);
  });

  test('a new build needs no restart', async () => {
    expect((await get('/portal')).body).toBe('<p>staff</p>');
    build({ 'index.html': '<p>new</p>' }, new Date(2026, 0, 2));
    expect((await get('/portal')).body).toBe('<p>new</p>');
  });
});

test('pages that nobody has built are 404, with what to do', async () => {
  const answer = await get('/portal');
  expect([answer.status, answer.body]).toEqual([404, expect.stringContaining('npm run build')]);
});
