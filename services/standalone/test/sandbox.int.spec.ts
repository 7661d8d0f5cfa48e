import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bulkExport,
  gunzipLines,
  type GroupRow,
  groupsTarget,
  registerOwn,
  Server,
  verifyExport,
} from '@provider-access/cli';
import { readConfig } from '@provider-access/service/config';
import { Sandbox } from '@provider-access/sandbox';
import { silentLogger } from '@provider-access/service/observability';
import { type MemberOutline, syntheticPayer } from '@provider-access/synthetic';
import { eventually } from '@provider-access/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { standaloneConfig } from '../src/config.ts';
import { type Platform, startPlatform } from '../src/platform.ts';

/** Finding U6: a developer works with a sandbox while the history of its payer is being published. */

const MEMBERS = 20;
const NEWEST = '2026-08-03T00:00:00.000Z';
const folder = mkdtempSync(join(tmpdir(), 'sandbox-start-'));
const lines: string[] = [];
const warnings: string[] = [];
/** Requests with events that wait until the history may go on. */
const held: (() => void)[] = [];
let holds = false;
let platform: Platform;
let sandbox: Sandbox;

/** In front of the payer's routes: while `holds`, no event passes. */
const gateway = createServer((incoming, answer) => {
  const { method, url, headers } = incoming;
  const pass = (): void => {
    const onward = request(new URL(url!, platform.address), { method, headers }, (found) => {
      answer.writeHead(found.statusCode!, found.headers);
      found.pipe(answer);
    });
    incoming.pipe(onward);
  };
  if (holds && method === 'POST') held.push(pass);
  else pass();
});
const tokenOf = (file: string): string => readFileSync(file, 'utf8').trim();

/** The same payer, as the ledger of its generator knows it. */
const payer = syntheticPayer({ seed: 'sandbox', asOf: '2026-11-01T00:00:00.000Z', members: MEMBERS });
const provider = payer.providerOrganizations[0]!;
const visible = [...payer.ledger.visibleMembers(provider.npi)];

beforeAll(async () => {
  platform = await startPlatform(
    readConfig(standaloneConfig, { DATA_DIR: join(folder, 'data'), PORT: '0', SANDBOX: 'true' }),
    silentLogger,
  );
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
  sandbox = new Sandbox({
    payerUrl: `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`,
    authUrl: platform.address,
    publicUrl: platform.publicUrl,
    payerToken: () => tokenOf(platform.payerTokenFile),
    administratorToken: () => tokenOf(platform.administratorTokenFile),
    folder: join(folder, 'clients'),
    members: MEMBERS,
    eventsPerMinute: 0,
    say: (line) => {
      lines.push(line);
      if (line.startsWith('the sandbox can be used')) holds = true;
    },
    warn: (line) => warnings.push(line),
  });
  sandbox.start();
}, 120_000);
afterAll(async () => {
  holds = false;
  for (const pass of held.splice(0)) pass();
  await sandbox?.stop();
  await platform?.stop();
  gateway.close();
  rmSync(folder, { recursive: true, force: true });
});

test('an app registers, finds its Group and exports the newest data, and later everything', async () => {
  await eventually(() => expect(held.length).toBeGreaterThan(0));
  expect(sandbox.state()).toMatchObject({ status: 'ready', history: { status: 'publishing', published: 0 } });
  expect(sandbox.state().history.of).toBeGreaterThan(1000);

  const server = new Server(platform.address);
  const { npi, tin } = provider;
  const { tokens } = await registerOwn(server, tokenOf(platform.administratorTokenFile), {
    name: 'New EHR',
    npi,
    tin,
    contact: 'mailto:a@b.example',
  });
  const token = await eventually(() => tokens.get());
  const { entry = [] } = await server.json<{ entry?: { resource: GroupRow }[] }>(groupsTarget(npi), { token });
  const group = entry[0]!.resource;
  expect(group.quantity).toBe(visible.length);

  const exported = async (out: string) =>
    (await bulkExport({ server, token: () => tokens.get(), group: group.id, out: join(folder, out) })).files;
  const first = new Set<string>();
  for (const { kind, file } of await exported('first'))
    if (kind === 'output')
      for await (const line of gunzipLines(file)) {
        const { resourceType, id } = JSON.parse(line) as { resourceType: string; id: string };
        first.add(`${resourceType}/${id}`);
      }
  for (const { member, resources } of visible) {
    expect(first).toContain(`Patient/${member}`);
    // What changed in the last ninety days is there.
    const newest = [...resources].filter(([, { businessTime }]) => businessTime >= Date.parse(NEWEST));
    expect(newest.filter(([about]) => !first.has(about)).map(([about]) => about)).toEqual([]);
  }
  // Nothing of the history is, and nothing that the payer does not know.
  const known = new Set(visible.flatMap(({ resources, supporting }) => [...resources.keys(), ...supporting]));
  expect(
    [...first].filter((about) => !known.has(about) && !/^(Organization|Practitioner|Location)/.test(about)),
  ).toEqual([]);
  expect(first.size).toBeLessThan(visible.reduce((sum, { resources }) => sum + resources.size, 0) / 2);
  expect(sandbox.state().history.status).toBe('publishing');

  holds = false;
  for (const pass of held.splice(0)) pass();
  await eventually(() => expect(sandbox.state().history.status).toBe('complete'));
  const count = new Intl.NumberFormat('en').format(sandbox.state().history.of!);
  expect(lines.at(-1)).toBe(`the history is complete: ${count} events`);
  const all = await verifyExport(await exported('all'), payer, npi, new Set());
  expect({ faults: all.faults, members: all.membersFound }).toEqual({ faults: [], members: visible.length });
  expect(warnings).toEqual([]);
});

/** By hand from what happened to the member, in the order in which access is refused. */
function lostBy(npi: string, of: MemberOutline): string | undefined {
  if (of.onHold) return 'on-hold';
  if (!of.attributedTo.includes(npi)) return 'not-attributed';
  if (of.optedOut || of.optedOutOf.includes(npi)) return 'opted-out';
  if (!of.covered) return 'not-covered';
  return of.visibleTo.includes(npi) ? undefined : 'not-in-network';
}

test('each Group loses its members for the reasons that the ledger of the payer has', async () => {
  const token = tokenOf(platform.administratorTokenFile);
  const server = new Server(platform.address);
  const outlines = [...payer.ledger.outlines()];
  const { lists } = await server.json<{ lists: { group: string; providers: string[] }[] }>('/ops/lists', { token });
  const reasons = new Set<string | undefined>();
  for (const { group, providers } of lists) {
    const npi = providers.find((key) => key.startsWith('npi|'))!.slice('npi|'.length);
    const { members, steps } = await server.json<{
      members: { member: string; reason?: string }[];
      steps: { step: string; members: number }[];
    }>(`/ops/lists/${group}/funnel?step=listed`, { token });
    const listed = outlines.filter(({ member }) => members.some((one) => one.member === member));
    expect(members.map(({ member, reason }) => [member, reason])).toEqual(
      listed
        .toSorted((a, b) => (a.member < b.member ? -1 : 1))
        .map((outline) => [outline.member, lostBy(npi, outline)]),
    );
    expect(outlines.filter(({ attributedTo }) => attributedTo.includes(npi)).every((one) => listed.includes(one))).toBe(
      true,
    );
    expect(steps.find(({ step }) => step === 'in-network')!.members).toBe(
      outlines.filter(({ visibleTo }) => visibleTo.includes(npi)).length,
    );
    for (const { reason } of members) reasons.add(reason);
  }
  expect([lists.length > 1, reasons.size > 2]).toEqual([true, true]);
});

test('each member is told why each app can see them, or cannot, as the ledger of the payer has it', async () => {
  const token = tokenOf(platform.administratorTokenFile);
  const server = new Server(platform.address);
  const from = new Date(Date.now() - 1000).toISOString();
  const { clients } = await server.json<{ clients: { client_id: string; npi: string[]; status: string }[] }>(
    '/auth/clients?status=approved',
    { token },
  );
  const reasons = new Set<string | undefined>();
  for (const outline of payer.ledger.outlines()) {
    const { apps, others } = await server.json<{ apps: AppOf[]; others: AppOf[] }>(
      `/ops/explain/apps?${new URLSearchParams({ member: outline.member, from })}`,
      { token },
    );
    for (const { client_id: client, npi } of clients) {
      const last = [...apps, ...others].find((one) => one.client === client)?.last;
      const about = { member: outline.member, client };
      if (last === undefined) expect(outline.attributedTo, client).not.toContain(npi[0]);
      else expect({ ...about, reason: last.reason }).toEqual({ ...about, reason: lostBy(npi[0]!, outline) });
      if (last?.decision === 'permit') expect(last.grounds![0]!.providers).toContain(`npi|${npi[0]!}`);
      reasons.add(last === undefined ? 'not listed' : (last.reason ?? last.decision));
    }
  }
  expect([clients.length > 1, reasons.size > 2]).toEqual([true, true]);
});
interface AppOf {
  readonly client: string;
  readonly last: { decision: string; reason?: string; grounds?: { kind: string; providers: string[] }[] };
}

test('says nothing of single faults, and warns once of a fault that stays', async () => {
  const said: string[] = [];
  const warned: string[] = [];
  const lost = new Sandbox({
    payerUrl: 'http://127.0.0.1:1',
    authUrl: 'http://127.0.0.1:1',
    publicUrl: 'http://127.0.0.1:1',
    payerToken: () => 'x',
    administratorToken: () => 'x',
    folder: join(folder, 'lost'),
    members: MEMBERS,
    eventsPerMinute: 0,
    say: (line) => said.push(line),
    warn: (line) => warned.push(line),
    againMs: 1,
    reviewEveryMs: 1,
  });
  lost.start();
  await eventually(() => expect(warned).toHaveLength(2));
  await lost.stop();
  expect(said).toEqual([]);
  expect(warned.map((line) => line.replace(/:.*/, '')).toSorted()).toEqual([
    'registering its clients fails again and again',
    'the reviewer fails again and again',
  ]);
});
