import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DomainEvent } from '@provider-access/events';
import type { PlatformProcess } from '@provider-access/cli';
import { eventually } from '@provider-access/testing';
import { Clocks } from './clocks.ts';
import type { Deployment } from './deployment.ts';
import { freshPlatform, instancesOf, publishAll, registerApp, SEPARATE, type TestApp } from './harness.ts';
import {
  findGroup,
  http,
  json,
  kickOff,
  optOut,
  payerEvent,
  sealed,
  takesEffect,
  texts,
  type HttpAnswer,
} from './road.ts';

/** Moves the wall clock of a running platform, as after a resume, a step of NTP, or between two hosts that differ. */
const NPI = '1234567893';
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Apps are approved long before, so that a clock that steps back reverts only the opt-out. */
const clocks = new Clocks(-DAY);
let fresh: Awaited<ReturnType<typeof freshPlatform>>;
let app: TestApp;
let token: string;
const platform = (): PlatformProcess => fresh.platform();
const pids = (): number[] =>
  SEPARATE ? (platform() as Deployment).processes().map((process) => process.pid()) : [platform().pid];

/** Moves the clock of each process. */
const moved = (ahead: (process: number) => number): Promise<unknown> =>
  Promise.all(pids().map((pid, n) => clocks.set(pid, ahead(n))));

beforeAll(async () => {
  fresh = await freshPlatform({ env: clocks.env });
  app = await registerApp(platform(), { name: 'Clinic', npi: NPI });
  await moved(() => 0);
  await publishAll(platform(), [
    payerEvent('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'in-network', from: '2020-01-01' }),
    ...member('m-stays'),
  ]);
});
afterAll(async () => {
  await fresh?.dispose();
  clocks.dispose();
});

/** The word is in each resource of the member, and nowhere else. */
const mark = (id: string): string => `text-of-${id}`;
function member(id: string): DomainEvent[] {
  return [
    payerEvent('payer.member-enrolled.v1', id, { coverageId: `cov-${id}`, from: '2020-01-01' }),
    payerEvent('payer.attribution-asserted.v1', id, { provider: { npi: NPI }, from: '2020-01-01' }),
    recorded(id, { resourceType: 'Patient', id, name: [{ text: mark(id) }] }),
    ...[1, 2].map((n) => observation(id, n)),
  ];
}
const recorded = (id: string, resource: object): DomainEvent =>
  payerEvent('payer.resource-recorded.v1', id, { resource });
const observation = (id: string, n: number): DomainEvent =>
  recorded(id, {
    resourceType: 'Observation',
    id: `${id}-${n}`,
    status: 'final',
    code: { text: mark(id) },
    subject: { reference: `Patient/${id}` },
    effectiveDateTime: '2024-02-03',
  });
/** The base URL of each process that answers reads. */
const readEverywhere = (path: string): Promise<HttpAnswer[]> =>
  Promise.all(instancesOf(platform(), 'resources').map((base) => http(`${base}${path}`, { token })));

test.each<[string, (process: number) => number]>([
  ['every clock steps back by an hour', () => -60 * MINUTE],
  ['clocks are a minute behind, or a minute ahead', (n) => (n % 2 === 0 ? -MINUTE : MINUTE)],
])('an opt-out that was effective stays so when %s', async (_how, ahead) => {
  const id = `m-${Math.abs(ahead(0))}`;
  await publishAll(platform(), member(id));
  token = await app.tokens.get();
  const search = `/fhir/Observation?patient=${id}&_count=1`;
  type Page = { link?: { relation: string; url: string }[] };
  const next = await eventually(async () => {
    const page = json<Page>(await http(platform().base + search, { token }));
    return page.link?.find(({ relation }) => relation === 'next')?.url ?? false;
  });
  const { id: group } = await findGroup(platform(), token, NPI);
  const manifest = await sealed(await kickOff(platform(), token, group, '?_type=Patient'), token);
  const exported = async (): Promise<string> => [...(await texts(manifest, token)).values()].join('');
  expect(await exported()).toContain(mark(id));
  await takesEffect(platform(), optOut(id));

  try {
    await moved(ahead);
    const paths = [`/fhir/Patient/${id}`, search, next.slice(platform().base.length)];
    // Also while the platform finds out that its clock was moved.
    for (let n = 0; n < 10; n++) {
      for (const path of paths)
        for (const { body } of await readEverywhere(path)) expect(body.toString()).not.toContain(mark(id));
    }
    expect(await exported()).not.toContain(mark(id));
    // It denies this member, not everybody.
    await eventually(async () => {
      for (const { status } of await readEverywhere('/fhir/Patient/m-stays')) expect(status).toBe(200);
    });
    for (const { status } of await readEverywhere(`/fhir/Patient/${id}`)) expect(status).toBe(404);
    expect(await exported()).toContain(mark('m-stays'));
  } finally {
    await moved(() => 0);
  }
  await eventually(async () => {
    for (const { status } of await readEverywhere('/fhir/Patient/m-stays')) expect(status).toBe(200);
  });
  for (const { status } of await readEverywhere(`/fhir/Patient/${id}`)) expect(status).toBe(404);
});

test('a delta has what an instance took in whose clock is half a minute behind, and misses nothing', async () => {
  // Enough events that each instance of resources takes some of them in.
  const members = Array.from({ length: 8 }, (_, n) => `m-delta-${n}`);
  const of = (ids: readonly string[]): string[] => ids.filter((id) => id.includes('/m-delta-')).toSorted();
  const exported = async (query = ''): Promise<{ since: string; ids: string[] }> => {
    const { id: group } = await findGroup(platform(), token, NPI);
    const manifest = await sealed(await kickOff(platform(), token, group, query), token);
    const lines = [...(await texts(manifest, token)).values()].flatMap((text) => text.trim().split('\n'));
    const resources = lines.map((line) => JSON.parse(line) as { resourceType: string; id: string });
    const ids = of(resources.map(({ resourceType, id }) => `${resourceType}/${id}`));
    return { since: manifest.transactionTime, ids };
  };
  await publishAll(platform(), members.flatMap(member));
  token = await app.tokens.get();
  const first = await exported();
  const before = members.flatMap((id) => [`Patient/${id}`, `Observation/${id}-1`, `Observation/${id}-2`]);
  expect(first.ids).toEqual(of(before));

  const turns = new Map<string, number>();
  /** The second instance of each service that has two; the only one of each service in one process. */
  const behind = (service: string): boolean => {
    const turn = turns.get(service) ?? 0;
    turns.set(service, turn + 1);
    return turn === 1;
  };
  const late = SEPARATE ? (platform() as Deployment).processes().map(({ service }) => behind(service)) : [true];
  expect(late).toContain(true);
  try {
    await moved((n) => (late[n]! ? -MINUTE / 2 : 0));
    const second = { ...platform(), base: instancesOf(platform(), 'resources').at(-1)! };
    await publishAll(
      second,
      members.flatMap((id) => [observation(id, 3), observation(id, 4)]),
    );
    const delta = await exported(`?_since=${encodeURIComponent(first.since)}`);
    const after = members.flatMap((id) => [`Observation/${id}-3`, `Observation/${id}-4`]);
    // Resources that were recorded within the second before the kick-off may come again.
    expect(delta.ids.filter((id) => !first.ids.includes(id))).toEqual(of(after));
  } finally {
    await moved(() => 0);
  }
});
