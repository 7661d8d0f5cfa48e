import { randomInt } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { toStructured } from '@provider-access/events';
import { npiOf } from '@provider-access/synthetic';
import { eventually } from '@provider-access/testing';
import { cliPlatform } from './cli-platform.ts';
import { condition } from './cli-resources.ts';
import { registerApp, type TestApp } from './harness.ts';
import { memberOf, publishTaken } from './payers.ts';
import { plantedRecall } from './planted-recall.ts';
import { findGroup, http, kickOff, payerEvent, sealed, texts, viewsCaughtUp } from './road.ts';

const world = cliPlatform();
const { pa, at, platform } = world;
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

interface Recalled extends Listed {
  readonly number: string;
  readonly recall: string;
  readonly withdrawn: boolean;
  readonly marked?: number;
  readonly notes: readonly string[];
}
const recalled = async (...args: string[]): Promise<Recalled> => {
  const { code, stdout, stderr } = await pa('--json', 'recall', ...args);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Recalled;
};
const told = ({ releases }: Listed): string[] =>
  releases.map(({ member, action, agent, why }) => [member, agent.name, action, ...why].join(' ')).toSorted();
/** `name [recalls]` of each release of a member that the accounting has. */
async function accounted(member: string): Promise<string[]> {
  const rows = JSON.parse((await pa('--json', 'disclosures', member)).stdout) as {
    readonly action: string;
    readonly agent?: { readonly name: string };
    readonly recalled?: readonly string[];
  }[];
  return rows.flatMap(({ agent, action, recalled: by = [] }) =>
    agent === undefined ? [] : [[agent.name, action, ...by].join(' ')],
  );
}

test('a recall withdraws a wrong resource, lists its releases and marks them, and leaves the correction', async () => {
  const [npi, other] = [npiOf(14_000_000 + run), npiOf(15_000_000 + run)];
  const [wronged, right] = [`m-recall-${run}`, `m-beside-${run}`];
  const [wrong, stays] = [`c-recall-${run}`, `c-stays-${run}`];
  await publishTaken(
    platform(),
    ...[npi, other].map((each) =>
      payerEvent('payer.network-status-changed.v1', each, { npi: each, status: 'in-network', from: '2020-01-01' }),
    ),
    ...memberOf(wronged, { npi }, { resource: { ...condition(stays, wronged), resourceType: 'Condition' } }),
    ...memberOf(right, { npi: other }, { resource: condition(`c-${right}`, right) }),
  );
  const a = await registerApp(platform(), { name: 'App A', npi });
  const b = await registerApp(platform(), { name: 'App B', npi: other });
  await ask(a, `Condition/${stays}`);
  const since = await moment();
  const event = payerEvent('payer.resource-recorded.v1', wronged, { resource: condition(wrong, wronged) });
  await publishTaken(platform(), event);
  writeFileSync(at('recall.ndjson'), `${JSON.stringify(toStructured(event))}\n`);

  const token = await a.tokens.get();
  const group = (await findGroup(platform(), token, npi)).id;
  const whole = await sealed(await kickOff(platform(), token, group, '?_type=Condition'), token);
  const lines = async (): Promise<string[]> =>
    [...(await texts(whole, token)).values()]
      .flatMap((text) => text.split('\n').filter((line) => line !== ''))
      .map((line) => (JSON.parse(line) as { id: string }).id)
      .toSorted();
  expect(await lines()).toEqual([wrong, stays].toSorted());
  await ask(a, `Condition/${wrong}`);
  await ask(b, `Condition/c-${right}`);
  await viewsCaughtUp(platform());

  // The dry run tells the releases and changes nothing.
  const args = ['--events', 'recall.ndjson', '--since', since];
  const dry = await recalled(...args);
  const given = [`${wronged} App A download data`, `${wronged} App A read data`];
  expect([dry.withdrawn, told(dry), dry.notes.at(-1)]).toEqual([false, given, expect.stringMatching(/--confirm/)]);
  await ask(a, `Condition/${wrong}`);
  expect((await accounted(wronged)).filter((row) => row.includes('recall'))).toEqual([]);
  const refused = await pa('recall', ...args, '--confirm', `0000000000.${dry.number.split('.')[1]}`);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/of another recall/)]);

  const done = await recalled(...args, '--confirm', dry.number, '--people', at('people.csv'), '--what', 'Wrong claim.');
  expect([done.withdrawn, told(done), done.marked]).toEqual([true, [...given, given[1]], 3]);
  await ask(a, `Condition/${wrong}`, 410);
  await eventually(async () => expect(await lines()).toEqual([stays]));
  const query = `?_type=Condition&_since=${encodeURIComponent(whole.transactionTime)}`;
  const { deleted = [], output } = await sealed(await kickOff(platform(), token, group, query), token);
  const bodies = await Promise.all(deleted.map(({ url }) => http(url, { token })));
  expect(bodies.map(({ body }) => body.toString('utf8')).join('')).toContain(`"Condition/${wrong}"`);
  // The app was approved less than the margin of `_since` ago, so what stays may come again.
  const sent = await Promise.all(output.map(({ url }) => http(url, { token })));
  expect(sent.map(({ body }) => body.toString('utf8')).join('')).not.toContain(wrong);

  // The accounting: what was given with the wrong resource has the mark, and nothing else.
  await eventually(async () =>
    expect((await accounted(wronged)).filter((row) => row.includes('recall.')).toSorted()).toEqual([
      `App A download ${done.recall}`,
      `App A read ${done.recall}`,
      `App A read ${done.recall}`,
    ]),
  );
  await pa('disclosures', wronged, '--html', `accounting-${run}.html`);
  const page = readFileSync(at(`accounting-${run}.html`), 'utf8');
  expect(page.match(/Had wrong data: recall/g)).toHaveLength(3);
  expect((await accounted(right)).some((row) => row.includes('recall.'))).toBe(false);
  const [header, row, ...more] = readFileSync(at('people.csv'), 'utf8').trim().split('\n');
  expect([statSync(at('people.csv')).mode & 0o777, more]).toEqual([0o600, []]);
  expect(header).toMatch(/^member,what happened,first release,last release,discovered,notify until,types of data,/);
  expect(row).toMatch(new RegExp(`^${wronged},Wrong claim\\.,.*,Condition,App A,npi\\|${npi},3,recall\\.`));

  // A correction is served, and the same recall again does not remove it.
  const corrected = { ...condition(wrong, wronged), code: { text: 'corrected' } };
  await publishTaken(platform(), payerEvent('payer.resource-recorded.v1', wronged, { resource: corrected }));
  await ask(a, `Condition/${wrong}`);
  const again = await recalled(...args, '--until', await moment(), '--confirm', dry.number).catch((e: unknown) => e);
  expect(String(again)).toMatch(/of another recall/);
  const repeated = await recalled(...args, '--confirm', dry.number);
  expect(repeated.notes.join(' ')).toMatch(/1 of them have a version that came after the dry run/);
  await ask(a, `Condition/${wrong}`);
  expect(await lines()).toEqual([stays]);
});

test('a recall of an import lists what only the import permitted, before and after', async () => {
  const npi = npiOf(16_000_000 + run);
  const [wronged, right] = [`m-batch-${run}`, `m-batch-right-${run}`];
  await publishTaken(
    platform(),
    payerEvent('payer.network-status-changed.v1', npi, { npi, status: 'in-network', from: '2020-01-01' }),
    ...memberOf(right, { npi }),
    ...[wronged].flatMap((member) => memberOf(member, { npi: npiOf(17_000_000 + run) })),
  );
  const app = await registerApp(platform(), { name: 'Batch', npi });
  writeFileSync(at('roster.csv'), `member,npi,from\n${wronged},${npi},2020-01-01\n`);
  const full = ['roster', 'roster.csv', '--full', '--source', `mso-${run}`, '--as-of', '2026-01-31'];
  const { batch } = JSON.parse((await pa('--json', 'import', ...full)).stdout) as { readonly batch: string };
  await ask(app, `Patient/${wronged}`);
  await ask(app, `Patient/${right}`);
  const dry = await recalled('--batch', batch);
  expect([dry.withdrawn, told(dry)]).toEqual([false, [`${wronged} Batch read access`]]);
  await ask(app, `Patient/${wronged}`);
  const done = await recalled('--batch', batch, '--confirm', dry.number);
  expect([told(done), done.marked]).toEqual([Array(2).fill(`${wronged} Batch read access`), 2]);
  await ask(app, `Patient/${wronged}`, 404);
  await ask(app, `Patient/${right}`);
  expect(new Set(done.people.map(({ member }) => member))).toEqual(new Set([wronged]));
  const none = await pa('recall', '--batch', batch);
  expect([none.code, none.stderr]).toEqual([1, expect.stringMatching(/nothing to take back/)]);
});

test('a recall finds what the apps themselves know to have got of a planted batch, and nothing else', () =>
  plantedRecall(world, { members: 9, steps: 25 }));

test('only an administrator marks releases, and only releases about the member', async () => {
  const [npi, member] = [npiOf(18_000_000 + run), `m-marks-${run}`];
  const network = { npi, status: 'in-network', from: '2020-01-01' };
  await publishTaken(
    platform(),
    payerEvent('payer.network-status-changed.v1', npi, network),
    ...memberOf(member, { npi }),
  );
  const app = await registerApp(platform(), { name: 'Marks', npi });
  await ask(app, `Patient/${member}`);
  const body = JSON.stringify({
    recall: 'recall.forged',
    members: [{ member: RIGHT, entries: ['2026-01-01T00:00:00.000Z/none/0'] }],
  });
  const mark = async (token: string, text = body): Promise<number> => {
    const headers = { 'content-type': 'application/json' };
    return (await http(`${platform().base}/ops/disclosures/recalls`, { method: 'POST', token, body: text, headers }))
      .status;
  };
  expect(await mark(await app.tokens.get())).toBe(401);
  expect(await mark(platform().payerToken)).toBe(401);
  const admin = platform().administratorToken;
  expect(await mark(admin)).toBe(400);
  expect(await mark(admin, '{}')).toBe(400);
  const rows = await eventually(async () => {
    const found = JSON.parse((await pa('--json', 'disclosures', member)).stdout) as { readonly id: string }[];
    expect(found.length).toBeGreaterThan(0);
    return found;
  });
  const foreign = { recall: 'r', members: [{ member: RIGHT, entries: [rows[0]!.id] }] };
  expect(await mark(admin, JSON.stringify(foreign))).toBe(400);
});
