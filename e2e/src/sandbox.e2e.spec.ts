import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type PlatformProcess,
  readApp,
  readKey,
  registerOwn,
  Server,
  startPlatform as startStandalone,
  TokenSource,
} from '@provider-access/cli';
import { bundlePa, packPa } from '@provider-access/image';
import { eventually } from '@provider-access/testing';
import { COMPILED } from './compiled.ts';
import { PACKED_PA, paOf } from './pa.ts';
import { follow, ROOT } from './tutorials.ts';
import { findGroup, http, json, optOut, payerEvent, tell } from './road.ts';

/** A provider's developer, a payer's engineer and an operator meet a sandbox: `npm start -- --sandbox`. */

const folder = mkdtempSync(join(tmpdir(), 'provider-access-sandbox-'));
const dataDir = join(folder, 'data');
/** The payer publishes each kind of event within a second. */
const env = { ...COMPILED, SANDBOX: 'true', SANDBOX_MEMBERS: '20', SANDBOX_EVENTS_PER_MINUTE: '1200' };
interface Sandbox {
  readonly status: string;
  readonly clients: readonly {
    readonly client_id: string;
    readonly npi: string;
    readonly key: string;
    readonly app: string;
  }[];
}
let platform: PlatformProcess;
const shown = async (): Promise<Sandbox> =>
  json<Sandbox>(await http(`${platform.base}/ops/sandbox`, { token: platform.administratorToken }));
const ready = (): Promise<unknown> => eventually(async () => expect((await shown()).status).toBe('ready'));

const lines: string[] = [];
beforeAll(async () => {
  platform = await startStandalone({ dataDir, env, onLine: (line) => lines.push(line) });
  await ready();
});
afterAll(async () => {
  await platform?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The first ready client, as its files name it. */
async function clinic(): Promise<{ readonly npi: string; readonly token: () => Promise<string> }> {
  const { npi, app } = (await shown()).clients[0]!;
  const { client_id: clientId, key, scope } = readApp(app);
  const tokens = new TokenSource(new Server(platform.base), { clientId, key: readKey(key), scope });
  return { npi, token: () => tokens.get() };
}

test('says everywhere that it is a sandbox', async () => {
  expect(json(await http(`${platform.base}/`))).toMatchObject({ sandbox: true });
  const statement = json<{ implementation: { description: string } }>(await http(`${platform.base}/fhir/metadata`));
  expect(statement.implementation.description).toContain('a sandbox: all data is synthetic');
});

test('names one address where people see all of it, and how they open the page of a member', async () => {
  const said = await eventually(() => {
    const found = lines.find((line) => line.includes('the page of a member'));
    expect(found).toBeDefined();
    return found!;
  });
  const all = lines.find((line) => line.includes('everything in a browser'))!;
  const [, address, file] = /browser: (\S+), sign in with the token in (\S+)$/.exec(all)!;
  expect((await http(address!)).headers['content-type']).toContain('text/html');
  expect(readFileSync(file!, 'utf8').trim()).toBe(platform.administratorToken);
  const { stdout, code } = await paOf(platform, process.cwd())(.../npx pa (.+)$/.exec(said)![1]!.split(' '));
  expect(code).toBe(0);
  const [portal, link] = stdout.trim().split('#');
  expect(portal).toBe(`${address}member`);
  const opened = await http(`${platform.base}/auth/member-session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ link }),
  });
  expect([opened.status, json(opened)]).toEqual([201, expect.objectContaining({ member: 'm-000001' })]);
});

test('has two ready clients, whose files nobody else can read, and each of them finds its Group', async () => {
  const { clients } = await shown();
  expect(clients).toHaveLength(2);
  expect(readdirSync(join(dataDir, 'sandbox'))).toContain('clinic-a.key.pem');
  for (const name of readdirSync(join(dataDir, 'sandbox')))
    expect(statSync(join(dataDir, 'sandbox', name)).mode & 0o777, name).toBe(0o600);
  const { npi, token } = await clinic();
  const group = await findGroup(platform, await token(), npi);
  expect(group.quantity).toBeGreaterThan(0);
  // The payer whom the Group names is the one that the synthetic payer published.
  const read = async <T>(path: string): Promise<T> =>
    json<T>(await http(`${platform.base}/fhir/${path}`, { token: await token() }));
  const { managingEntity } = await read<{ managingEntity: { reference: string } }>(`Group/${group.id}`);
  expect(await read(managingEntity.reference)).toMatchObject({ name: 'Northfield Health Plan' });
});

/** Each of these happens by chance, within half a minute on a machine that does nothing else. */
const LIVES = { what: 'each kind of event has come', timeout: 240_000 };
test('lives: claims arrive, a prior authorization is decided, a member leaves and returns', async () => {
  const { npi, token } = await clinic();
  const { id } = await findGroup(platform, await token(), npi);
  const group = json<{ member: { entity: { reference: string } }[] }>(
    await http(`${platform.base}/fhir/Group/${id}`, { token: await token() }),
  );
  const patients = group.member.map(({ entity }) => entity.reference.replace('Patient/', ''));
  expect(patients.length).toBeGreaterThan(0);
  const since = new Date().toISOString();
  const seen = new Set<string>();
  const gone = new Set<string>();
  const found = async (search: string): Promise<{ readonly id: string; readonly outcome?: string }[]> => {
    const answer = await http(`${platform.base}/fhir/${search}&_count=200`, { token: await token() });
    return (json<{ entry?: { resource: { id: string } }[] }>(answer).entry ?? []).map(({ resource }) => resource);
  };
  await eventually(async () => {
    for (const { id: claim, outcome } of await found(
      `ExplanationOfBenefit?patient=${patients.join()}&_lastUpdated=gt${since}`,
    )) {
      if (claim.includes('-eob-live-')) seen.add('claim');
      if (claim.includes('-pa-live-')) seen.add(outcome!);
    }
    const here = new Set((await found(`Patient?_id=${patients.join()}`)).map((patient) => patient.id));
    for (const patient of patients) {
      if (!here.has(patient)) gone.add(patient);
      else if (gone.has(patient)) seen.add('returned');
    }
    expect([...seen].toSorted()).toEqual(['claim', 'complete', 'queued', 'returned']);
  }, LIVES);
}, 300_000);

test('approves a new app with a synthetic NPI at once, and rejects any other with a reason', async () => {
  const server = new Server(platform.base);
  const { npi } = (await shown()).clients[0]!;
  const register = (of: string) =>
    registerOwn(server, platform.administratorToken, { name: 'New EHR', npi: of, contact: 'mailto:a@b.example' });
  const own = async ({ registration }: Awaited<ReturnType<typeof register>>) =>
    json<{ status: string; note?: string }>(
      await http(registration.registration_client_uri, { token: registration.registration_access_token }),
    );
  const known = await register(npi);
  await eventually(async () => expect((await own(known)).status).toBe('approved'));
  expect(await known.tokens.get()).toBeTruthy();
  const stranger = await register('1234567893');
  await eventually(async () => expect((await own(stranger)).status).toBe('rejected'));
  expect((await own(stranger)).note).toContain(`Register with a synthetic NPI, for example ${npi}`);
});

test('takes no event of another payer, whoever sends it', async () => {
  for (const event of [
    optOut('m-000001'),
    payerEvent('payer.resource-recorded.v1', 'm-real', { resource: { resourceType: 'Patient', id: 'm-real' } }),
  ])
    expect(await tell(platform, event)).toMatchObject({ status: 'refused', reason: 'not-from-the-sandbox' });
});

test('its folder does not start as a production platform, and a used production folder not as a sandbox', async () => {
  await platform.stop();
  const { SANDBOX: _, ...production } = env;
  await expect(startStandalone({ dataDir, env: production })).rejects.toThrow(
    /SANDBOX: this deployment was created as a sandbox .* Set SANDBOX=true/,
  );
  const other = join(folder, 'production');
  await (await startStandalone({ dataDir: other, env: production })).stop();
  await expect(startStandalone({ dataDir: other, env })).rejects.toThrow(
    /SANDBOX: this deployment was created as a production deployment/,
  );
  // From here on nothing happens by itself: a member who opts out can take a file away before its download.
  platform = await startStandalone({ dataDir, env: { ...env, SANDBOX_EVENTS_PER_MINUTE: '0' } });
  await ready();
});

test('the Node sample downloads the files of the Group', async () => {
  const { client_id: id, key } = (await shown()).clients[0]!;
  const files = join(folder, 'sample');
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(import.meta.dirname, '../../docs/samples/node/export.mjs'),
    ...[platform.base, id, key, files],
  ]);
  const names = readdirSync(files);
  expect(stdout).toMatch(new RegExp(`^${names.length} files; the next _since is 20\\d\\d-`));
  const patients = names.find((name) => name.endsWith('.Patient.ndjson'))!;
  const lines = readFileSync(join(files, patients), 'utf8').trim().split('\n');
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ resourceType: 'Patient' });
});

/** The program of the page is the one of `npm pack`, and nothing else of the repository is in its folder (U4). */
test("follows the tutorial of a provider's developer word for word, from `npm pack` to NDJSON files", async () => {
  const cwd = join(folder, 'tutorial');
  mkdirSync(cwd);
  packPa(ROOT, cwd, await bundlePa(ROOT));
  const { npi } = (await shown()).clients[0]!;
  const { code, stdout, stderr, readableByOthers } = await follow('docs/tutorials/provider.md', {
    cwd,
    replace: {
      'http://127.0.0.1:8080': platform.base,
      '1238000008': npi,
    },
  });
  // `pa export` reports its progress there.
  expect(stderr.replace(/^export .*\n|^The earlier export is now in .*\n/gm, '')).toBe('');
  expect(code).toBe(0);
  // U20: keys, tokens and files of members were 0644.
  expect(readableByOthers).toEqual([]);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+ \(.*, npm package, Node /m);
  expect(readdirSync(join(cwd, 'clinic-files'), { recursive: true })).toContainEqual(
    expect.stringMatching(/\/Patient.*\.ndjson\.gz$/),
  );
  expect(stdout).toContain('"resourceType":"Patient"');
  expect(stdout).toContain('"code":"not-found"');
  // The last command shows until when the former key is accepted.
  expect(Date.parse(/[\d-]{10}T[\d:.]+Z$/.exec(stdout.trimEnd())![0])).toBeGreaterThan(Date.now());
  const files = readdirSync(join(cwd, 'files'));
  expect(files.length).toBeGreaterThan(3);
  for (const name of files)
    for (const line of readFileSync(join(cwd, 'files', name), 'utf8')
      .trimEnd()
      .split('\n'))
      expect(JSON.parse(line)).toHaveProperty('resourceType');
});

test('follows the quick start of a match, from a ready sandbox to the Groups', async () => {
  const cwd = join(folder, 'match');
  mkdirSync(cwd);
  const { npi } = (await shown()).clients[0]!;
  const { code, stdout, stderr, readableByOthers } = await follow('docs/match.md', {
    cwd,
    program: PACKED_PA,
    replace: { 'http://127.0.0.1:8080': platform.base, '1238000008': npi },
  });
  expect({ code, stderr: stderr.replace(/^(?:export|match) .*\n/gm, '') }).toEqual({ code: 0, stderr: '' });
  expect(readableByOthers).toEqual([]);
  // Each member whom the sandbox shows to the provider is found by the data that it shows (M40, M51).
  const [, matched, all] = /^(\d+) of (\d+) matched$/m.exec(stdout)!;
  expect(Number(all)).toBeGreaterThan(0);
  expect(matched).toBe(all);
  const groups = stdout.split('\n').filter((line) => line.startsWith('{"resourceType":"Group"'));
  expect(groups.map((line) => (JSON.parse(line) as { quantity: number }).quantity)).toEqual([Number(all)]);
});

test('starts over on request, and keeps its tokens', async () => {
  const before = (await shown()).clients.map(({ client_id: id }) => id);
  const { code, stdout } = await paOf(platform, folder)('sandbox', 'reset');
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('The sandbox is ready') });
  const after = (await shown()).clients.map(({ client_id: id }) => id);
  expect(after).toHaveLength(2);
  expect(after.filter((id) => before.includes(id))).toEqual([]);
});
