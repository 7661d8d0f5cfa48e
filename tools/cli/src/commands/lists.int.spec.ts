import { createServer, type Server } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { pa, type Captured } from '../../test/captured.ts';
import { newKey } from '../client/credentials.ts';

let server: Server;
let base: string;
let folder: string;
const view = (name: string, documents: number): object => ({ view: name, version: 1, documents });
const group = (id: string, lastUpdated: string): object => ({ resource: { id, quantity: 2, meta: { lastUpdated } } });
const client = (client_id: string, issued: string): object => ({
  client_id,
  client_id_issued_at: Date.parse(issued) / 1000,
  client_name: 'Clinic',
  status: 'approved',
});
let groups: object[];
/** Of the app c-3, one for each time that somebody asks. Then it stays pending. */
let statuses: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'provider-access-lists-'));
  writeFileSync(join(folder, 'key.json'), JSON.stringify(await newKey('ES384')));
  server = createServer((request, response) => {
    const answers: Record<string, unknown> = {
      '/fhir/.well-known/smart-configuration': { token_endpoint: `${base}/token` },
      '/token': { access_token: 'token', expires_in: 300, scope: 'system/*.rs' },
      '/ops/views/attribution': { views: [view('attribution_groups_v1', 3)] },
      '/ops/views/resources': { views: [view('resources_records_v1', 7), view('resources_locators_v1', 7)] },
      '/ops/views/export': { views: [] },
      '/fhir/Group?_summary=true': { resourceType: 'Bundle', entry: groups },
      '/auth/clients': { clients: [client('c-1', '2026-11-01T00:00:00Z')], next: '/auth/clients?page=2' },
      '/auth/clients?waits_for_review=true': {
        clients: [
          {
            ...client('c-4', '2026-11-20T00:00:00Z'),
            waits_for_review: { npi: ['1245319599'], scope: 'system/Coverage.rs' },
          },
        ],
      },
      '/auth/clients/c-3': { ...client('c-3', '2026-11-20T00:00:00Z'), status: statuses.shift() ?? 'pending' },
      '/auth/clients?page=2': { clients: [client('c-2', '2026-11-20T00:00:00Z')] },
    };
    response
      .writeHead(request.url! in answers ? 200 : 404, { 'content-type': 'application/json' })
      .end(JSON.stringify(answers[request.url!]));
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
  vi.stubEnv('PA_ADMINISTRATOR_TOKEN', 't');
  groups = [group('g-1', '2026-11-01T00:00:00.000Z'), group('g-2', '2026-11-20T00:00:00.000Z')];
});
afterEach(() => vi.unstubAllEnvs());

const listed = (...argv: readonly string[]): Promise<Captured> => pa('--server', base, ...argv);
const ids = ({ stdout }: Captured, name: string): unknown[] =>
  (JSON.parse(stdout) as Record<string, unknown>[]).map((row) => row[name]);

test('pa views list prints rows as CSV, and as JSON by service, with a limit', async () => {
  expect((await listed('views', 'list', '--csv')).stdout).toBe(
    'service,view,documents,state\n' +
      'attribution,attribution_groups_v1,3,live\n' +
      'resources,resources_records_v1,7,live\n' +
      'resources,resources_locators_v1,7,live\n',
  );
  const one = await listed('--json', 'views', 'list', '--limit', '1');
  expect(JSON.parse(one.stdout)).toEqual({
    attribution: [view('attribution_groups_v1', 3)],
    resources: [],
    export: [],
  });
  expect((await listed('views', 'list', '--limit', '1')).stdout).toContain('… 2 more without --limit');
});

test('pa apps list has those that registered since then', async () => {
  const since = (instant: string): Promise<Captured> => listed('--json', 'apps', 'list', '--since', instant);
  expect(ids(await since('2026-11-01T00:00:00Z'), 'client_id')).toEqual(['c-1', 'c-2']);
  expect(ids(await since('2026-11-01T00:00:01Z'), 'client_id')).toEqual(['c-2']);
  expect(ids(await since('2026-12-01T00:00:00Z'), 'client_id')).toEqual([]);
});

test('pa apps list shows what an app asks for beyond its approval, and lists such apps alone', async () => {
  const { code, stdout } = await listed('apps', 'list', '--asks-more');
  expect(code).toBe(0);
  expect(stdout).toMatch(/c-4 .*npi 1245319599, scope system\/Coverage\.rs/);
  expect(stdout).not.toContain('c-1');
});

test('pa apps show waits until the reviewer has decided, and exits 3 while nobody has', async () => {
  const shown = (...wait: readonly string[]): Promise<Captured> => listed('apps', 'show', 'c-3', ...wait);
  statuses = ['pending', 'pending', 'approved'];
  expect(await shown('--wait', '60')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^c-3 +approved /m) });
  statuses = ['pending', 'rejected'];
  expect(await shown('--wait', '60')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^c-3 +rejected /m) });
  expect(await shown('--wait', '1')).toMatchObject({ code: 3, stdout: expect.stringMatching(/^c-3 +pending /m) });
  expect(await shown()).toMatchObject({ code: 0, stdout: expect.stringMatching(/^c-3 +pending /m) });
  expect(await shown('--wait', 'long')).toMatchObject({ code: 2 });
});

test('pa groups has those that changed since then, and does not blame the Group if none did', async () => {
  const app = ['--client', 'app', '--key', join(folder, 'key.json')];
  const since = (instant: string, ...more: string[]): Promise<Captured> =>
    listed(...more, 'groups', ...app, '--since', instant);
  expect(ids(await since('2026-11-10T00:00:00Z', '--json'), 'id')).toEqual(['g-2']);
  expect((await since('2026-12-01T00:00:00Z')).stdout).toBe('No Group of this app changed since then.\n');
  groups = [];
  expect((await since('2026-12-01T00:00:00Z')).stdout).toContain('This app has no Group');
});

test.each(['show', 'reset'])('pa sandbox %s says what to do where the platform is no local sandbox', async (verb) => {
  const { code, stderr } = await listed('sandbox', verb);
  expect(code).toBe(1);
  expect(stderr).toContain('is no sandbox of `npm start -- --sandbox`');
  expect(stderr).toContain('A sandbox in a cluster starts over with another topic prefix');
});
