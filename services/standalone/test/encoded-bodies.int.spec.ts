import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '@provider-access/service/config';
import { silentLogger } from '@provider-access/service/observability';
import { document } from '../scripts/openapi.ts';
import { standaloneConfig } from '../src/config.ts';
import { type Platform, startPlatform } from '../src/platform.ts';

interface Operation {
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
}
const { paths } = (await document('src')) as unknown as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};
/** Every route that takes a body, with each of its media types. */
const bodies = Object.entries(paths).flatMap(([path, operations]) =>
  Object.entries(operations).flatMap(([method, { requestBody }]) =>
    Object.keys(requestBody?.content ?? {}).map((type) => [method.toUpperCase(), path, type] as const),
  ),
);
const TEXTS = { 'application/x-www-form-urlencoded': 'patient=m1&grant_type=client_credentials' };

// N6
describe.each(bodies)('%s %s with %s', (method, path, type) => {
  const text = (TEXTS as Record<string, string>)[type] ?? '{}';
  const send = (body: Uint8Array<ArrayBuffer>, headers: Record<string, string>): Promise<Response> =>
    fetch(platform.address + path.replaceAll(/\{type\}/g, 'Observation').replaceAll(/\{[^}]*\}/g, 'x'), {
      method,
      headers: { 'content-type': type, ...headers },
      body,
    });

  test.each([
    ['a compressed body', gzipSync(text), { 'content-encoding': 'gzip' }],
    ['a body that says so in capitals', Buffer.from(text), { 'content-encoding': 'GZIP' }],
    ['an encoding that does not exist', Buffer.from(text), { 'content-encoding': 'identity, x' }],
    ['another character set', Buffer.from(text, 'utf16le'), { 'content-type': `${type}; charset=utf-16` }],
    ['a quoted character set', Buffer.from(text, 'latin1'), { 'content-type': `${type};Charset="ISO-8859-1"` }],
  ])('is answered 415 for %s', async (_what, body, headers) => {
    const answer = await send(new Uint8Array(body), headers);
    expect([answer.status, await answer.text()]).toEqual([415, expect.stringMatching(/Content-Encoding|UTF-8/)]);
  });

  test('is not answered 415 for plain UTF-8', async () => {
    const plain: Record<string, string>[] = [
      {},
      { 'content-type': `${type}; charset="UTF-8"` },
      { 'content-encoding': 'identity' },
    ];
    for (const headers of plain) expect((await send(new Uint8Array(Buffer.from(text)), headers)).status).not.toBe(415);
  });
});

test('the routes with a form are among them', () => {
  const forms = bodies.filter(([, , type]) => type in TEXTS).map(([method, path]) => `${method} ${path}`);
  expect(forms).toEqual(
    expect.arrayContaining(['POST /auth/token', 'POST /fhir/{type}/_search', 'POST /fhir/Group/_search']),
  );
});

const folder = mkdtempSync(join(tmpdir(), 'encoded-bodies-'));
let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform(readConfig(standaloneConfig, { PORT: '0', DATA_DIR: folder }), silentLogger);
});
afterAll(async () => {
  await platform.stop();
  rmSync(folder, { recursive: true, force: true });
});
