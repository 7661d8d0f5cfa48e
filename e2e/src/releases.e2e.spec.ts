import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { toStructured } from '@provider-access/events';
import { npiOf } from '@provider-access/synthetic';
import { eventually } from '@provider-access/testing';
import { cliPlatform } from './cli-platform.ts';
import { condition } from './cli-resources.ts';
import { registerApp, type TestApp } from './harness.ts';
import { memberOf, publishTaken } from './payers.ts';
import { findGroup, http, kickOff, payerEvent, sealed, texts, viewsCaughtUp } from './road.ts';

const { pa, at, platform } = cliPlatform();
const run = randomInt(1e6);
const [NORTH, SOUTH] = [npiOf(12_000_000 + run), npiOf(13_000_000 + run)];
/** One with a claim of another person, one whom the payer attributed wrongly, and one with whom nothing is wrong. */
const [DATA, ACCESS, RIGHT] = [`m-data-${run}`, `m-access-${run}`, `m-right-${run}`];
const WRONG = `c-wrong-${run}`;

interface Listed {
  readonly releases: readonly {
    readonly member: string;
    readonly action: string;
    readonly agent: { readonly name: string };
    readonly types: readonly string[];
    readonly why: readonly string[];
    readonly denied?: string;
    readonly job?: string;
    readonly file?: string;
  }[];
  readonly permitted: number;
  readonly people: readonly { readonly member: string; readonly apps: readonly string[]; readonly types: string[] }[];
  readonly without: Readonly<Record<string, number>>;
  readonly unread: readonly { readonly place: string; readonly reason: string }[];
}
const listed = async (...args: string[]): Promise<Listed> =>
  JSON.parse((await pa('--json', 'releases', '--events', 'wrong.ndjson', ...args)).stdout) as Listed;
/** An instant between what happened and what comes next. */
async function moment(): Promise<string> {
  const later = (than: number) => eventually(() => expect(Date.now()).toBeGreaterThan(than));
  await later(Date.now());
  const now = Date.now();
  await later(now);
  return new Date(now).toISOString();
}
async function ask(app: TestApp, path: string, status = 200): Promise<void> {
  const answer = await http(`${platform().base}/fhir/${path}`, { token: await app.tokens.get() });
  expect([path, answer.status]).toEqual([path, status]);
}
/** Exports the Group of a provider, downloads every file, and names the place of each file. */
async function download(app: TestApp, npi: string, query: string): Promise<Map<string, string[]>> {
  const token = await app.tokens.get();
  const { id } = await findGroup(platform(), token, npi);
  const { output } = await sealed(await kickOff(platform(), token, id, query), token);
  const files = new Map<string, string[]>();
  for (const { type, url } of output) {
    expect((await http(url, { token })).status).toBe(200);
    files.set(type, [...(files.get(type) ?? []), new URL(url).pathname.split('/').slice(-2).join('/')]);
  }
  return files;
}

test('finds each release of a wrong batch, and no release of anything else', async () => {
  const conditions = [DATA, RIGHT].map((m) => [m, { resource: condition(`c-${m}`, m) }] as const);
  await publishTaken(
    platform(),
    ...[NORTH, SOUTH].map((npi) =>
      payerEvent('payer.network-status-changed.v1', npi, { npi, status: 'in-network', from: '2020-01-01' }),
    ),
    ...conditions.flatMap(([m, resource]) => memberOf(m, { npi: NORTH }, resource)),
    ...memberOf(ACCESS, { npi: SOUTH }, { resource: condition(`c-${ACCESS}`, ACCESS) }),
  );
  const north = await registerApp(platform(), { name: 'North', npi: NORTH });
  const south = await registerApp(platform(), { name: 'South', npi: SOUTH });

  // Decoys: what was given before the wrong batch.
  await ask(north, `Condition/c-${DATA}`);
  await ask(north, `Condition?patient=${DATA}`);
  await download(north, NORTH, '?_type=Condition');

  const since = await moment();
  const wrong = [
    payerEvent('payer.resource-recorded.v1', DATA, { resource: condition(WRONG, DATA) }),
    payerEvent('payer.attribution-asserted.v1', ACCESS, { provider: { npi: NORTH }, from: '2020-01-01' }),
    payerEvent('payer.network-status-changed.v1', SOUTH, { npi: SOUTH, status: 'in-network', from: '2020-01-01' }),
  ];
  await publishTaken(platform(), ...wrong);
  writeFileSync(at('wrong.ndjson'), wrong.map((event) => `${JSON.stringify(toStructured(event))}\n`).join(''));

  // The releases that the list must have.
  await ask(north, `Condition/${WRONG}`);
  await ask(north, `Condition/${WRONG}/_history`);
  await ask(north, `Condition?patient=${DATA}`);
  await ask(north, `Condition?patient=${DATA}&_summary=count`);
  await ask(north, `Patient/${ACCESS}`);
  // The Group names the member, for the search and for the read.
  const token = await north.tokens.get();
  const { id } = await findGroup(platform(), token, NORTH);
  await ask(north, `Group/${id}`);
  const whole = await download(north, NORTH, '?_type=Condition,Patient');
  const delta = await download(north, NORTH, `?_type=Condition&_since=${encodeURIComponent(since)}`);

  // Decoys: other members, types and apps, a search that found nothing, a refusal, and the payer's own look.
  await ask(north, `Condition/c-${RIGHT}`);
  await ask(north, `Condition?patient=${RIGHT}`);
  await ask(north, `Patient/${DATA}`);
  await ask(north, `Condition?patient=${DATA}&code=none`);
  await ask(south, `Condition/${WRONG}`, 404);
  await ask(south, `Patient/${ACCESS}`);
  await ask(south, `Condition?patient=${ACCESS}`);
  await download(south, SOUTH, '?_type=Condition,Patient');
  await pa('explain', '--client', south.clientId, '--member', DATA);
  const until = await moment();
  await viewsCaughtUp(platform());

  // As long as the wrong attribution stands, it permits what it gave, and the list says so.
  const early = await listed('--since', since, '--until', until);
  expect(early.permitted).toBeGreaterThan(0);
  expect(early.releases.every(({ why }) => why.join() === 'data')).toBe(true);

  await publishTaken(
    platform(),
    payerEvent('payer.resource-deleted.v1', DATA, { resourceType: 'Condition', id: WRONG }),
    payerEvent('payer.attribution-ended.v1', ACCESS, { provider: { npi: NORTH }, to: '2019-12-31' }),
  );
  // Decoy: what was given after the correction.
  await ask(north, `Condition?patient=${DATA}`);
  await ask(north, `Patient/${ACCESS}`, 404);

  const files = (given: Map<string, string[]>, type: string): string[] => given.get(type) ?? [];
  const expected = [
    ...['read', 'history', 'search', 'search'].map((action) => `${DATA} ${action} data`),
    ...[...files(whole, 'Condition'), ...files(delta, 'Condition')].map((file) => `${DATA} download ${file} data`),
    ...['read', 'group-search', 'group-read'].map((action) => `${ACCESS} ${action} access`),
    ...[...files(whole, 'Condition'), ...files(whole, 'Patient'), ...files(delta, 'Condition')].map(
      (file) => `${ACCESS} download ${file} access`,
    ),
  ].toSorted();
  await eventually(async () => {
    const { releases, people, without, unread } = await listed('--since', since, '--until', until);
    expect(
      releases
        .map(({ member, action, job, file, why }) =>
          [member, action, ...(file === undefined ? [] : [`${job}/${file}`]), ...why].join(' '),
        )
        .toSorted(),
    ).toEqual(expected);
    expect(new Set(releases.map(({ agent }) => agent.name))).toEqual(new Set(['North']));
    expect(new Set(releases.map(({ denied }) => denied))).toEqual(new Set([undefined, 'not-attributed']));
    expect(people.map(({ member, apps }) => [member, apps])).toEqual([
      [ACCESS, ['North']],
      [DATA, ['North']],
    ]);
    expect([without, unread]).toEqual([{ 'payer.network-status-changed.v1': 1 }, []]);
  });

  // The limit that the page names: another resource of the same type and member counts, because no entry keeps ids.
  await eventually(async () => {
    const again = await listed('--since', until);
    expect(again.releases.map(({ member, action, why }) => [member, action, ...why].join(' '))).toEqual([
      `${DATA} search data`,
    ]);
  });
});

test('says what it cannot read or use, and needs the token of an administrator', async () => {
  writeFileSync(
    at('wrong.ndjson'),
    `{"specversion":"1.0","type":"payer.resource-recorded.v1","subject":"a b"}\nnonsense\n`,
  );
  const { code, stdout } = await pa('releases', '--events', 'wrong.ndjson', '--since', '2026-01-01T00:00:00Z');
  expect(code).toBe(1);
  expect(stdout).toMatch(/No release had it[^]*wrong\.ndjson:1: .*no member id[^]*wrong\.ndjson:2: not JSON/);
  const wrongWays: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['--events', 'wrong.ndjson'], 2, /--since/],
    [['--events', 'absent.ndjson', '--since', '2026-01-01T00:00:00Z'], 2, /absent\.ndjson does not exist/],
    [['--events', 'wrong.ndjson', '--since', '2026-01-01T00:00:00Z', '--until', '2025-01-01T00:00:00Z'], 2, /--until/],
  ];
  for (const [args, exit, said] of wrongWays) {
    const { code: ended, stderr } = await pa('releases', ...args);
    expect([args, ended]).toEqual([args, exit]);
    expect(stderr).toMatch(said);
  }
  writeFileSync(at('wrong.ndjson'), `${JSON.stringify(condition('c', 'm'))}\n`);
  const env = { PA_ADMINISTRATOR_TOKEN: platform().payerToken };
  const foreign = await pa.with({ env }, 'releases', '--events', 'wrong.ndjson', '--since', '2026-01-01T00:00:00Z');
  expect([foreign.code, foreign.stdout]).toEqual([4, '']);
});

test('a label takes a resource out of live files, and a deletion without a label is in the next delta', async () => {
  const [npi, member] = [npiOf(14_000_000 + run), `m-label-${run}`];
  const [labelled, deleted, stays] = [`c-labelled-${run}`, `c-deleted-${run}`, `c-stays-${run}`];
  await publishTaken(
    platform(),
    payerEvent('payer.network-status-changed.v1', npi, { npi, status: 'in-network', from: '2020-01-01' }),
    ...memberOf(member, { npi }, ...[labelled, deleted, stays].map((id) => ({ resource: condition(id, member) }))),
  );
  const app = await registerApp(platform(), { name: 'Labels', npi });
  const token = await app.tokens.get();
  const group = (await findGroup(platform(), token, npi)).id;
  const whole = await sealed(await kickOff(platform(), token, group, '?_type=Condition'), token);
  const lines = async (): Promise<string[]> =>
    [...(await texts(whole, token)).values()]
      .flatMap((text) => text.split('\n').filter((line) => line !== ''))
      .map((line) => (JSON.parse(line) as { id: string }).id)
      .toSorted();
  const delta = async (): Promise<string[]> => {
    const query = `?_type=Condition&_since=${encodeURIComponent(whole.transactionTime)}`;
    const { deleted: files = [] } = await sealed(await kickOff(platform(), token, group, query), token);
    const bodies = await Promise.all(files.map(({ url }) => http(url, { token })));
    const text = bodies.map(({ body }) => body.toString('utf8')).join('');
    return [labelled, deleted, stays].filter((id) => text.includes(`Condition/${id}`));
  };
  const withhold = (id: string) => {
    const security = [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'V' }];
    const resource = { ...condition(id, member), meta: { security } };
    return publishTaken(platform(), payerEvent('payer.resource-recorded.v1', member, { resource }));
  };
  const remove = (id: string) =>
    publishTaken(platform(), payerEvent('payer.resource-deleted.v1', member, { resourceType: 'Condition', id }));

  expect(await lines()).toEqual([deleted, labelled, stays]);
  await withhold(labelled);
  await eventually(async () => expect(await lines()).toEqual([deleted, stays]));
  await remove(labelled);
  await remove(deleted);
  expect(await delta()).toEqual([deleted]);
  // The label holds after the deletion. A deletion alone leaves the file as it is, and a label after it does not.
  expect(await lines()).toEqual([deleted, stays]);
  await withhold(deleted);
  await eventually(async () => expect(await lines()).toEqual([stays]));
  // Nothing tells of a resource that a label withholds, also not the next delta.
  expect(await delta()).toEqual([]);
});
