import { createServer, type Server } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { pa, type Captured } from '../../test/captured.ts';
import { newKey } from '../client/credentials.ts';

type Answer = readonly [status: number, body: unknown, headers?: Record<string, string>];
let server: Server;
let base: string;
let folder: string;
const asked: string[] = [];
/** By method and path. */
let answers: Record<string, Answer>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'provider-access-exports-'));
  writeFileSync(join(folder, 'key.json'), JSON.stringify(await newKey('ES384')));
  server = createServer((request, response) => {
    const name = `${request.method} ${request.url}`;
    if (name.includes('/fhir/bulk')) asked.push(`${name} ${request.headers.authorization}`);
    const [status, body, headers] = answers[name] ?? [404, { issue: [{ diagnostics: 'There is no such export.' }] }];
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(body === undefined ? '' : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  asked.length = 0;
  answers = {
    'GET /fhir/.well-known/smart-configuration': [200, { token_endpoint: `${base}/token` }],
    'POST /token': [200, { access_token: 'token', expires_in: 300, scope: 'system/*.rs' }],
  };
});

const ID = 'a'.repeat(26);
const exports = (...argv: readonly string[]): Promise<Captured> =>
  pa('--server', base, ...argv, '--client', 'app', '--key', join(folder, 'key.json'));
const entry = (id: string, requestedAt: string, more: object): object => ({
  id,
  url: `${base}/fhir/bulk/${id}`,
  group: 'g-1',
  request: `${base}/fhir/Group/g-1/$export`,
  requestedAt,
  ...more,
});

describe('pa exports', () => {
  beforeEach(() => {
    answers['GET /fhir/bulk'] = [
      200,
      {
        total: 2,
        exports: [
          entry('e2', '2026-11-27T12:00:00.000Z', {
            state: 'running',
            progress: '250 members matched',
            request: `${base}/fhir/Group/$provider-member-match`,
          }),
          entry('e1', '2026-11-26T12:00:00.000Z', { state: 'complete', expiresAt: '2026-11-29T12:00:00.000Z' }),
        ],
      },
    ];
  });

  test('lists what the platform keeps for the app, as a table, as JSON and as CSV', async () => {
    const table = await exports('exports');
    expect(table.code).toBe(0);
    expect(table.stdout).toMatch(/^id +requested +group +state +until +kind\n/);
    expect(table.stdout).toMatch(
      /\ne2 .* g-1 +running: 250 members matched +match\ne1 .*complete .*2026-11-29T12.* export/,
    );
    expect(asked).toEqual(['GET /fhir/bulk Bearer token']);
    expect(await exports('exports', 'list')).toEqual(table);
    expect(JSON.parse((await exports('--json', 'exports')).stdout)).toHaveLength(2);
    expect((await exports('exports', '--csv')).stdout.split('\n').slice(0, 2)).toEqual([
      'id,requested,group,state,until,kind',
      'e2,2026-11-27T12:00:00.000Z,g-1,running: 250 members matched,,match',
    ]);
  });

  test('takes --since and --limit, and says if the platform lists fewer than there are', async () => {
    const since = await exports('--json', 'exports', '--since', '2026-11-27T00:00:00Z');
    expect(JSON.parse(since.stdout)).toMatchObject([{ id: 'e2' }]);
    expect((await exports('exports', '--limit', '1')).stdout).toContain('… 1 more without --limit');
    expect(await exports('exports', '--since', 'yesterday')).toMatchObject({ code: 2, stdout: '' });
    (answers['GET /fhir/bulk']![1] as { total: number }).total = 130;
    expect((await exports('exports')).stderr).toContain('the newest 2 of 130');
    answers['GET /fhir/bulk'] = [200, { total: 0, exports: [] }];
    expect(await exports('exports')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/no exports or matches on the platform/) as string,
      stderr: '',
    });
  });

  test('show says how far an export is, what it has, or why it failed', async () => {
    answers[`GET /fhir/bulk/${ID}`] = [202, undefined, { 'x-progress': '250 members written' }];
    expect(await exports('exports', 'show', ID)).toMatchObject({
      code: 0,
      stdout: 'It runs: 250 members written.\n',
    });
    const manifest = {
      transactionTime: '2026-11-27T12:00:00.000Z',
      request: `${base}/fhir/Group/g-1/$export`,
      output: [{ type: 'Patient', url: `${base}/fhir/bulk/${ID}/Patient-0-0.ndjson`, count: 2 }],
      deleted: [],
      error: [],
    };
    answers[`GET /fhir/bulk/${ID}`] = [200, manifest, { expires: 'Mon, 30 Nov 2026 12:00:00 GMT' }];
    expect((await exports('exports', 'show', ID)).stdout).toMatch(
      /^It is complete, and its files are there until 2026-11-30T12:00:00.000Z\.\n[^]*output +Patient +2 +http/,
    );
    expect(JSON.parse((await exports('--json', 'exports', 'show', ID)).stdout)).toEqual({
      id: ID,
      state: 'complete',
      expiresAt: '2026-11-30T12:00:00.000Z',
      manifest,
    });
    answers[`GET /fhir/bulk/${ID}`] = [500, { issue: [{ diagnostics: 'The export failed.' }] }];
    expect((await exports('exports', 'show', ID)).stdout).toContain('The export failed.');
  });

  test('cancel takes an id or a status URL', async () => {
    answers[`DELETE /fhir/bulk/${ID}`] = [202, {}];
    for (const named of [ID, `${base}/fhir/bulk/${ID}`])
      expect(await exports('exports', 'cancel', named)).toMatchObject({
        code: 0,
        stdout: `${ID} and its files are deleted.\n`,
      });
    expect(asked).toEqual(Array.from({ length: 2 }, () => `DELETE /fhir/bulk/${ID} Bearer token`));
  });

  test('an id that cannot be one is refused without a request, and an unknown one with the sentence', async () => {
    for (const verb of ['show', 'cancel']) {
      for (const wrong of ['', '../auth', 'a b', `${base}/fhir/Group/g-1`, 'https://x.example/?y'])
        expect(await exports('exports', verb, wrong), wrong).toMatchObject({ code: 2, stdout: '' });
      expect(asked).toEqual([]);
      expect(await exports('exports', verb, 'b'.repeat(26))).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('There is no such export.') as string,
      });
      asked.length = 0;
    }
  });
});
