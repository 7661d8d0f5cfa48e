import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { npiOf } from '@provider-access/synthetic';
import { eventually } from '@provider-access/testing';
import { cliPlatform } from './cli-platform.ts';
import { condition } from './cli-resources.ts';
import { registerApp, type TestApp } from './harness.ts';
import { publishTaken } from './payers.ts';
import { findGroup, http, json, optOut, payerEvent, takesEffect } from './road.ts';

/** Two providers, and files of two senders. Single events state the coverage. */
const NORTH = npiOf(11_000_001);
const SOUTH = npiOf(11_000_002);
const MEMBERS = Array.from({ length: 30 }, (_, at) => `m-file-${String(at).padStart(2, '0')}`);
const OPTED_OUT = MEMBERS[3]!;
/**
 * The day of all files. A file says its opt-outs at the start of its day, and an opt-in of another source less than
 * five minutes later does not end them (docs/opt-outs.md). So in the first minutes of a day the files are of the one
 * before. Without a zone a day gives access from noon on, of the clock of UTC.
 */
const TODAY = new Date(Date.now() - 10 * 60_000).toISOString().slice(0, 10);
const { pa, at, platform } = cliPlatform({ BUSINESS_TIME_ZONE: 'UTC' });

interface Report {
  readonly number: string;
  readonly batch: string;
  readonly first: boolean;
  readonly imported?: boolean;
  readonly gained: number;
  readonly lost: number;
  readonly added: number;
  readonly changed: number;
  readonly ended: number;
  readonly lists: Record<string, { readonly gained: number; readonly lost: number }>;
  readonly reasons: readonly string[];
  readonly sensitive: Readonly<Record<string, number>>;
}
const roster = (name: string, rows: readonly (readonly [string, string])[]): string => {
  const text = ['member,npi,from', ...rows.map(([member, npi]) => `${member},${npi},2020-01-01`)].join('\n');
  writeFileSync(at(name), `${text}\n`);
  return name;
};
const full = (source: string, asOf = TODAY): string[] => ['--source', source, '--as-of', asOf];
async function reported(...args: string[]): Promise<Report & { readonly code: number | null; readonly said: string }> {
  const { stdout, stderr, code } = await pa('--json', ...args);
  return { ...(JSON.parse(stdout) as Report), code, said: stderr };
}

describe('full files of a roster', () => {
  let apps: Readonly<Record<'north' | 'south', TestApp>>;
  const idsOf = async (app: TestApp, npi: string): Promise<string[]> => {
    const token = await app.tokens.get();
    const { id } = await findGroup(platform(), token, npi);
    const group = json<{ member?: { entity: { reference: string } }[] }>(
      await http(`${platform().base}/fhir/Group/${id}`, { token }),
    );
    return (group.member ?? []).map(({ entity }) => entity.reference.replace('Patient/', '')).toSorted();
  };
  /** The lists that the app finds: none while its provider is out of network. */
  const listsOf = async (app: TestApp, npi: string): Promise<readonly unknown[]> => {
    const token = await app.tokens.get();
    const query = `identifier=http://hl7.org/fhir/sid/us-npi|${npi}`;
    return json<{ entry?: unknown[] }>(await http(`${platform().base}/fhir/Group?${query}`, { token })).entry ?? [];
  };
  const expected = (members: readonly string[]): string[] => members.filter((m) => m !== OPTED_OUT).toSorted();

  beforeAll(async () => {
    const covered = (member: string) =>
      payerEvent('payer.member-enrolled.v1', member, { coverageId: `cov-${member}`, from: '2020-01-01' });
    await publishTaken(
      platform(),
      ...[NORTH, SOUTH].map((npi) =>
        payerEvent('payer.network-status-changed.v1', npi, { npi, status: 'in-network', from: '2020-01-01' }),
      ),
      ...MEMBERS.map(covered),
    );
    await takesEffect(platform(), optOut(OPTED_OUT));
    // The policy releases the first label, because it does not know it, and withholds the second.
    for (const [member, system, code] of [
      [MEMBERS[20]!, 'https://payer.example/labels', 'sud'],
      [MEMBERS[21]!, 'http://terminology.hl7.org/CodeSystem/v3-ActCode', 'HIV'],
    ] as const) {
      const resource = { ...condition(`c-${member}`, member), meta: { security: [{ system, code }] } };
      await publishTaken(platform(), payerEvent('payer.resource-recorded.v1', member, { resource }));
    }
    apps = {
      north: await registerApp(platform(), { name: 'North', npi: NORTH }),
      south: await registerApp(platform(), { name: 'South', npi: SOUTH }),
    };
  });

  test('A70 A73 the first full file of a source is taken, and its report says so', async () => {
    const file = roster(
      'north-1.csv',
      MEMBERS.slice(0, 20).map((member) => [member, NORTH]),
    );
    expect(await reported('simulate', 'roster', file, ...full('north-mso'))).toMatchObject({
      code: 0,
      first: true,
      added: 20,
      gained: 19,
      lost: 0,
      reasons: [],
    });
    const report = await reported('import', 'roster', file, '--full', ...full('north-mso'));
    expect(report, report.said).toMatchObject({ code: 0, first: true, imported: true, gained: 19 });
    expect(await idsOf(apps.north, NORTH)).toEqual(expected(MEMBERS.slice(0, 20)));
  });

  test('A75 the same file again changes nothing, and a cut, empty, doubled or older file is refused', async () => {
    const again = await reported('import', 'roster', 'north-1.csv', '--full', ...full('north-mso'));
    expect(again, again.said).toMatchObject({ code: 0, imported: false, added: 0, ended: 0 });
    writeFileSync(
      at('cut.csv'),
      `member,npi,from\n${MEMBERS[0]},${NORTH},2020-01-01\n${MEMBERS[1]},${NORTH},2020-01-0`,
    );
    writeFileSync(at('no-end.csv'), `member,npi,from\n${MEMBERS[0]},${NORTH},2020-01-01`);
    writeFileSync(at('empty.csv'), 'member,npi,from\n');
    roster(
      'doubled.csv',
      [...MEMBERS.slice(0, 20), ...MEMBERS.slice(0, 20)].map((member) => [member, NORTH]),
    );
    for (const [file, why] of [
      ['cut.csv', /may be cut/],
      ['no-end.csv', /may be cut/],
      ['empty.csv', /a header and no row/],
      ['doubled.csv', /doubled/],
    ] as const) {
      const { code, stderr } = await pa('import', 'roster', file, '--full', ...full('north-mso'));
      expect(code, file).toBe(1);
      expect(stderr, file).toMatch(why);
    }
    const older = await pa('import', 'roster', 'north-1.csv', '--full', ...full('north-mso', '2026-01-01'));
    expect(older.code).toBe(1);
    expect(older.stderr).toMatch(/is of 2026-01-01, and the last roster file of north-mso was of/);
    expect((await pa('import', 'roster', 'north-1.csv', '--full', '--as-of', TODAY)).stderr).toMatch(/--source/);
    expect(await idsOf(apps.north, NORTH)).toEqual(expected(MEMBERS.slice(0, 20)));
  });

  test('A70 A72 A73 A74 absent rows end after a confirmation, and members of another source stay', async () => {
    // The other sender lists ten of the same members, and all of them at the southern practice.
    const shared = MEMBERS.slice(10, 20);
    const other = roster('south-1.csv', [
      ...shared.map((member) => [member, NORTH] as const),
      ...MEMBERS.map((member) => [member, SOUTH] as const),
    ]);
    const taken = await reported('import', 'roster', other, '--full', ...full('south-mso'));
    expect(taken, taken.said).toMatchObject({ code: 0, imported: true, gained: 29 });

    // The next file of the first sender lacks five members whom nobody else names, and five whom the other names.
    const kept = [...MEMBERS.slice(5, 15)];
    const next = roster(
      'north-2.csv',
      kept.map((member) => [member, NORTH]),
    );
    const foreseen = await reported('simulate', 'roster', next, ...full('north-mso'));
    expect(foreseen).toMatchObject({ ended: 10, added: 0, changed: 0, gained: 0, lost: 4 });
    expect(foreseen.lists[`npi|${NORTH}`]).toMatchObject({ gained: 0, lost: 4 });
    expect(foreseen.reasons.length).toBeGreaterThan(0);

    const stopped = await reported('import', 'roster', next, '--full', ...full('north-mso'));
    expect(stopped).toMatchObject({ code: 1, imported: false, number: foreseen.number });
    const wrong = await reported('import', 'roster', next, '--full', ...full('north-mso'), '--confirm', '00000-00000');
    expect(wrong).toMatchObject({ code: 1, imported: false });
    expect(await idsOf(apps.north, NORTH)).toEqual(expected(MEMBERS.slice(0, 20)));

    const done = await reported('import', 'roster', next, '--full', ...full('north-mso'), '--confirm', foreseen.number);
    expect(done, done.said).toMatchObject({ code: 0, imported: true, lost: 4 });
    // At once: a row that a file of today lacks has ended yesterday.
    expect(await idsOf(apps.north, NORTH)).toEqual(expected(MEMBERS.slice(5, 20)));
    expect(await idsOf(apps.south, SOUTH)).toEqual(expected(MEMBERS));

    // The number is of the state before, so it confirms nothing any more.
    roster(
      'north-3.csv',
      kept.slice(1).map((member) => [member, NORTH]),
    );
    const old = await reported(
      'import',
      'roster',
      'north-3.csv',
      '--full',
      ...full('north-mso'),
      '--confirm',
      foreseen.number,
    );
    expect(old).toMatchObject({ code: 1, imported: false });
  });

  test('A70 a single event of the payer still ends what a file states', async () => {
    const member = MEMBERS[6]!;
    await publishTaken(
      platform(),
      payerEvent('payer.attribution-ended.v1', member, { provider: { npi: NORTH }, to: '2026-01-01' }),
    );
    await eventually(async () =>
      expect(await idsOf(apps.north, NORTH)).toEqual(expected(MEMBERS.slice(5, 20).filter((m) => m !== member))),
    );
  });

  test('A76 A77 an undo takes an import back, and lists the access that it gave', async () => {
    const before = await idsOf(apps.north, NORTH);
    const wrong = MEMBERS.slice(20, 26);
    const right = MEMBERS.slice(5, 15);
    roster(
      'north-4.csv',
      [...right.slice(2), ...wrong].map((member) => [member, NORTH]),
    );
    const { number, sensitive } = await reported('simulate', 'roster', 'north-4.csv', ...full('north-mso'));
    // A72: new access to a sensitive category, and none to what is withheld.
    expect(Object.entries(sensitive)).toEqual([[expect.stringMatching(/payer\.example\/labels\|sud$/i), 1]]);
    const { batch } = await reported(
      'import',
      'roster',
      'north-4.csv',
      '--full',
      ...full('north-mso'),
      '--confirm',
      number,
    );
    expect(await idsOf(apps.north, NORTH)).toEqual(expect.arrayContaining(expected(wrong)));
    // Another app reads the same members by a right of its own.
    expect(await idsOf(apps.south, SOUTH)).toEqual(expected(MEMBERS));

    // A later file states one of the wrong rows again, with another end: it stays.
    const stays = wrong[0]!;
    const text = [...right.slice(2), ...wrong].map(
      (m) => `${m},${NORTH},2020-01-01,${m === stays ? '2099-12-31' : ''}`,
    );
    writeFileSync(at('north-5.csv'), `member,npi,from,to\n${text.join('\n')}\n`);
    const later = await reported('import', 'roster', 'north-5.csv', '--full', ...full('north-mso'));
    expect(later, later.said).toMatchObject({ code: 0, imported: true, changed: 1 });

    const undone = JSON.parse((await pa('--json', 'undo', batch)).stdout) as {
      readonly rows: number;
      readonly kept: number;
      readonly access: readonly { readonly member: string; readonly app: string; readonly action: string }[];
    };
    expect(undone).toMatchObject({ rows: 7, kept: 1 });
    expect(await idsOf(apps.north, NORTH)).toEqual([...before, stays].toSorted());
    // The app searched for the Group and read it. Both name the members.
    expect(undone.access.map(({ member, app, action }) => [member, app, action].join(' ')).toSorted()).toEqual(
      wrong.slice(1).flatMap((member) => [`${member} North group-read`, `${member} North group-search`]),
    );
    const again = JSON.parse((await pa('--json', 'undo', batch)).stdout) as { readonly rows: number };
    expect(again).toMatchObject({ rows: 0, access: [] });
    expect(await idsOf(apps.north, NORTH)).toEqual([...before, stays].toSorted());
    expect((await pa('undo', 'roster.north')).stderr).toMatch(/names no import/);
  });

  const outs = (name: string, members: readonly string[]): void =>
    writeFileSync(at(name), `member,scope\n${members.map((member) => `${member},Global`).join('\n')}\n`);

  test('A71 a full opt-outs file ends no opt-out by absence, neither its own nor that of another channel', async () => {
    const [a, b, c] = [MEMBERS[27]!, MEMBERS[28]!, MEMBERS[29]!];
    const seen = expected(MEMBERS);
    expect(await idsOf(apps.south, SOUTH)).toEqual(seen);
    outs('outs-1.csv', [a, b]);
    expect(await reported('simulate', 'opt-outs', 'outs-1.csv', ...full('portal'))).toMatchObject({
      first: true,
      added: 2,
      lost: 2,
      lists: { [`npi|${SOUTH}`]: { gained: 0, lost: 2 } },
    });
    const first = await reported('import', 'opt-outs', 'outs-1.csv', '--full', ...full('portal'));
    expect(first, first.said).toMatchObject({ code: 0, imported: true, lost: 2 });
    expect(await idsOf(apps.south, SOUTH)).toEqual(seen.filter((m) => m !== a && m !== b));

    // The next file of the same source lacks one of them, and one of another source lacks all.
    outs('outs-2.csv', [b]);
    const second = await reported('import', 'opt-outs', 'outs-2.csv', '--full', ...full('portal'));
    expect(second, second.said).toMatchObject({ code: 0, imported: true, ended: 0, kept: 1, gained: 0 });
    expect(readFileSync(at('outs-2.absent.csv'), 'utf8')).toMatch(
      new RegExp(`^end,number,member,scope,names,said\n"","\\d{5}-\\d{5}","${a}","global","","${TODAY}"\n$`),
    );
    outs('outs-3.csv', [c]);
    const other = await reported('import', 'opt-outs', 'outs-3.csv', '--full', ...full('mail'));
    expect(other, other.said).toMatchObject({ code: 0, imported: true, kept: 0, lost: 1 });
    expect(await idsOf(apps.south, SOUTH)).toEqual(seen.filter((m) => ![a, b, c].includes(m)));
    expect((await pa('undo', second.batch)).stderr).toMatch(/import the right file, with --ends/);

    // What the member says today stands against a file of today that is imported again.
    await takesEffect(platform(), payerEvent('payer.member-opted-in.v2', c, {}));
    outs('outs-3.csv', [c, b]);
    const again = await reported(
      'import',
      'opt-outs',
      'outs-3.csv',
      '--full',
      ...full('mail'),
      '--confirm',
      (await reported('simulate', 'opt-outs', 'outs-3.csv', ...full('mail'))).number,
    );
    expect(again, again.said).toMatchObject({ code: 0, imported: true });
    expect(await idsOf(apps.south, SOUTH)).toEqual(seen.filter((m) => ![a, b].includes(m)));
    const ins = await pa('import', 'opt-ins', 'outs-1.csv', '--full', ...full('portal'));
    expect([ins.code, ins.stderr]).toEqual([2, expect.stringContaining('changes nothing')]);
  });

  test('A71 it ends those that a person has confirmed one by one, and no opt-out that others state', async () => {
    const [a, b] = [MEMBERS[27]!, MEMBERS[28]!];
    const seen = await idsOf(apps.south, SOUTH);
    const simulated = async (...more: string[]) =>
      reported('simulate', 'opt-outs', 'outs-4.csv', ...full('portal'), ...more);
    // The member of b opted out by phone, too; that of a only in the portal, whose file lacks both now.
    await takesEffect(platform(), optOut(b));
    outs('outs-4.csv', [MEMBERS[26]!]);
    expect(await simulated()).toMatchObject({ code: 0, kept: 2, ended: 0, gained: 0, lost: 1 });
    const [header, ...rows] = readFileSync(at('outs-4.absent.csv'), 'utf8').trimEnd().split('\n');
    expect(rows.map((row) => row.split(',')[2])).toEqual([`"${a}"`, `"${b}"`]);
    const mark = (name: string, marked: readonly string[]): string[] => {
      writeFileSync(at(name), `${[header, ...marked].join('\n')}\n`);
      return ['--ends', name];
    };
    const yes = (row: string): string => row.replace('""', 'Yes');

    // Each end is confirmed alone, and a list that was simulated before does not fit.
    const one = await simulated(...mark('one.csv', [yes(rows[1]!), rows[0]!]));
    expect(one).toMatchObject({ ended: 1, kept: 1, gained: 0, lost: 1 });
    const both = await simulated(...mark('both.csv', rows.map(yes)));
    expect(both).toMatchObject({ ended: 2, kept: 0, gained: 1, lost: 1 });
    expect(both.number).not.toBe(one.number);

    const import4 = ['import', 'opt-outs', 'outs-4.csv', '--full', ...full('portal'), '--ends', 'both.csv'];
    // A confirmation of each end is none of the whole: more than 5 % change.
    expect(await reported(...import4, '--confirm', one.number)).toMatchObject({ code: 1, imported: false });
    expect(await idsOf(apps.south, SOUTH)).toEqual(seen);
    const done = await reported(...import4, '--confirm', both.number);
    expect(done, done.said).toMatchObject({ code: 0, imported: true, ended: 2, gained: 1 });
    const expectedNow = [...seen.filter((m) => m !== MEMBERS[26]), a].toSorted();
    expect(await idsOf(apps.south, SOUTH)).toEqual(expectedNow);
    // b is opted out by phone, and by the file of another channel.
    expect(expectedNow).not.toContain(b);

    // The same marks confirm nothing any more, and a file of the same day that has the member again bars again.
    expect((await pa(...import4)).stderr).toMatch(/both\.csv:2: no opt-out that the file lacks/);
    outs('outs-5.csv', [MEMBERS[26]!, a]);
    const { number } = await reported('simulate', 'opt-outs', 'outs-5.csv', ...full('portal'));
    const back = await reported('import', 'opt-outs', 'outs-5.csv', '--full', ...full('portal'), '--confirm', number);
    expect(back, back.said).toMatchObject({ code: 0, imported: true, added: 1, lost: 1 });
    expect(await idsOf(apps.south, SOUTH)).toEqual(expectedNow.filter((m) => m !== a));
  });

  test('A70 A72 A73 A76 a network file ends only what its own source said', async () => {
    // Only files say that this practice is in the network.
    const west = npiOf(11_000_003);
    await publishTaken(
      platform(),
      ...MEMBERS.slice(0, 12).map((member) =>
        payerEvent('payer.attribution-asserted.v1', member, { provider: { npi: west }, from: '2020-01-01' }),
      ),
    );
    const app = await registerApp(platform(), { name: 'West', npi: west });
    const seen = expected(MEMBERS.slice(0, 12));
    const npis = [west, ...Array.from({ length: 19 }, (_, n) => npiOf(11_000_010 + n))];
    const network = (name: string, rows: readonly string[]): string => {
      writeFileSync(at(name), `npi,status,from\n${rows.map((npi) => `${npi},in-network,2020-01-01\n`).join('')}`);
      return name;
    };
    const first = network('network-1.csv', npis);
    const taken = await reported('import', 'network', first, '--full', ...full('east'));
    expect(taken, taken.said).toMatchObject({ code: 0, imported: true, first: true, added: 20, gained: seen.length });
    expect(await idsOf(app, west)).toEqual(seen);
    expect(await reported('import', 'network', first, '--full', ...full('coast'))).toMatchObject({
      code: 0,
      gained: 0,
    });

    // The practice stays as long as one of the two lists it.
    const next = network('network-2.csv', npis.slice(1));
    expect(await reported('import', 'network', next, '--full', ...full('east'))).toMatchObject({
      code: 0,
      imported: true,
      ended: 1,
      lost: 0,
    });
    expect(await idsOf(app, west)).toEqual(seen);
    const last = await reported('simulate', 'network', next, ...full('coast'));
    const list = { held: seen.length, gained: 0, lost: seen.length };
    expect(last).toMatchObject({ ended: 1, gained: 0, lost: seen.length, lists: { [`npi|${west}`]: list } });
    expect(last.reasons).toEqual([expect.stringContaining(`npi|${west} loses ${seen.length} members`)]);
    const ended = await reported('import', 'network', next, '--full', ...full('coast'), '--confirm', last.number);
    expect(ended, ended.said).toMatchObject({ code: 0, imported: true });
    expect(await listsOf(app, west)).toEqual([]);
    expect((await pa('undo', ended.batch)).stdout).toMatch(/1 rows are as they were/);
    expect(await idsOf(app, west)).toEqual(seen);
  });

  test('A71 a kind that has no full file says so, and a faulty row refuses the whole file', async () => {
    const { code, stderr } = await pa('import', 'roster-ends', 'north-1.csv', '--full', ...full('north-mso'));
    expect([code, stderr]).toEqual([2, expect.stringContaining('import roster-ends without --full')]);
    roster('faulty.csv', [
      [MEMBERS[0]!, NORTH],
      [MEMBERS[1]!, '1234567890'],
    ]);
    const faulty = await pa('import', 'roster', 'faulty.csv', '--full', ...full('north-mso'));
    expect(faulty.code).toBe(1);
    expect(faulty.stderr).toMatch(/would count as absent[^]*3 {5}npi +not an NPI/);
  });
});
