import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import { enrolled, Harness, inNetwork } from '../../../test/harness.ts';
import { Importer, type Loose, payer, person, roster } from '../../../test/import-runs.ts';

/**
 * Attacks on imports by people, and what stands against each (a test below has the words in brackets):
 *
 * - A part out of order, twice, with other bytes, after the check, after the confirmation [parts].
 * - 65 parts, and a part above 1 MiB [too many bytes].
 * - A small upload that becomes large: gzip of many bytes, and constants in each row [becomes large].
 * - A cut gzip [cut].
 * - A million faults: 20 are told, with no cell [no cell]. A file without a header tells no cell as a column [no cell].
 * - A map with `__proto__`, a regular expression, 20 kB, an attribute that does not exist [map].
 * - A name with a path, a control character, a script, which stays a text [name].
 * - A confirmation with an old number, twice, of another number, of a run that was not checked [number].
 * - Another person confirms: the audit and the run name both [names both].
 * - A person whose role ended: every step is refused, and another engineer goes on [role ended].
 * - Two processes, one killed after an append and before it stored how far it was [killed].
 * - An import by `pa` meanwhile: before the confirmation the number differs; while it publishes the run fails and the
 *   rows are those of one of both [meanwhile].
 * - Two runs of one source and kind; more than 3 of one person and 20 of all [open runs].
 * - Ids of other runs, unknown ids, ids with a path: one answer, without a query of more [enumeration].
 * - Content that stays: after each end, and after 24 hours, nothing of it is stored [nothing stays].
 * - A stop while it publishes: no row comes after the end [stop].
 * - A sandbox: no file, because its events come from no synthetic payer [sandbox].
 */
let h: Harness;
let anna: Importer;
beforeEach(async () => {
  h = new Harness();
  // The library that compares files has the clock of the machine. The tests go on a little from here.
  h.now = Date.now() - 60_000;
  await h.start();
  anna = new Importer(h, await person(h, 'anna', 'engineer'));
});
afterEach(() => h.stop());

const NPI = '1234567893';
const OTHER = '1245319599';
const row = (member: string, npi = NPI, from = '2025-01-01'): string => `${member},${npi},${from}`;
const world = (...members: readonly string[]): Promise<void> =>
  h.publish(inNetwork(NPI), inNetwork(OTHER), ...members.map((member) => enrolled(member)));
/** What the platform holds of the source, as `pa` reads it. */
async function held(source = 'north-mso'): Promise<Loose> {
  return (await h.get(`/ops/sources/${source}/roster`, payer)).json<Loose>();
}
const heldRows = async (source?: string): Promise<readonly string[]> =>
  ((await held(source)).rows as Loose[])
    .filter((one) => one.row !== null)
    .map((one) => `${one.subject} ${one.row.npi}`)
    .toSorted();

describe('a full file', () => {
  it('A72 A73 has a report that a person can work out by hand, and then opens exactly that', async () => {
    await world('m1', 'm2', 'm3');
    const id = await anna.upload(roster(row('m1'), row('m2'), row('m3'), row('m4')), {}, 20);
    const run = await anna.rests(id);
    expect(run).toEqual({
      id,
      action: 'import',
      kind: 'roster',
      source: 'north-mso',
      asOf: '2026-01-01',
      name: 'january.csv',
      state: 'checked',
      by: 'person anna',
      startedAt: new Date(h.now).toISOString(),
      parts: 6,
      batch: expect.stringMatching(/^roster\.north-mso\.2026-01-01\.[0-9a-f]{10}$/),
      // m4 has no coverage, so nobody sees it. The first file of a source needs no reason.
      report: {
        number: expect.stringMatching(/^\d{5}-\d{5}$/),
        batch: run.batch,
        first: true,
        rows: 4,
        repeated: 0,
        held: 0,
        added: 4,
        changed: 0,
        ended: 0,
        kept: 0,
        gained: 3,
        lost: 0,
        unforeseen: 0,
        sensitive: {},
        reasons: [],
        causes: [],
        lists: [{ list: `npi|${NPI}`, held: 0, gained: 3, lost: 0 }],
        moreLists: 0,
      },
    });
    expect(await heldRows()).toEqual([]);
    await anna.ask('POST', `/${id}/confirm`, { number: run.report.number });
    expect(await anna.rests(id)).toMatchObject({ state: 'done', batch: run.batch, confirmedBy: 'person anna' });
    expect(await heldRows()).toEqual([`m1 ${NPI}`, `m2 ${NPI}`, `m3 ${NPI}`, `m4 ${NPI}`]);
    expect((await held()).imports).toMatchObject([{ batch: run.batch, asOf: '2026-01-01', rows: 4 }]);
    // The next file: m2 and m3 are absent, m1 has another provider too, and m9 is nobody's.
    h.now += 1000;
    const next = await anna.import(roster(row('m1'), row('m1', OTHER), row('m4'), row('m9')), { asOf: '2026-02-01' });
    expect(next).toMatchObject({
      state: 'done',
      report: { first: false, rows: 4, held: 4, added: 2, changed: 0, ended: 2, gained: 1, lost: 2 },
    });
    expect(next.report.reasons.join()).toContain('2 rows end: 50.0 % of 4 rows');
    expect(next.report.lists).toEqual([
      { list: `npi|${NPI}`, held: 4, gained: 0, lost: 2 },
      { list: `npi|${OTHER}`, held: 0, gained: 1, lost: 0 },
    ]);
    expect(await heldRows()).toEqual([`m1 ${NPI}`, `m1 ${OTHER}`, `m4 ${NPI}`, `m9 ${NPI}`].toSorted());
  });

  it('A75 changes nothing the second time, and an older one is refused', async () => {
    await world('m1');
    const file = roster(row('m1'));
    const first = await anna.import(file);
    h.now += 1000;
    const heads = () => h.log.head([PAYER_MEMBER_EVENTS]);
    const before = await heads();
    expect(await anna.import(file)).toMatchObject({
      state: 'done',
      batch: first.batch,
      report: { added: 0, ended: 0 },
    });
    expect(await heads()).toEqual(before);
    const older = await anna.import(roster(row('m2')), { asOf: '2025-12-31' });
    expect(older).toMatchObject({ state: 'refused', fault: { code: 'older', about: { last: '2026-01-01' } } });
    expect(await heads()).toEqual(before);
  });

  it('A71 of opt-outs ends none by absence, and A70 a file of the network closes its lists', async () => {
    await world('m1', 'm2');
    await anna.import(roster(row('m1'), row('m2')));
    const optOuts = { kind: 'opt-outs', name: 'opt-outs.csv' };
    expect(await anna.upload('member,scope\nm1,global\n', optOuts).then((id) => anna.rests(id))).toMatchObject({
      state: 'checked',
      report: { added: 1, lost: 1, lists: [{ list: `npi|${NPI}`, lost: 1 }] },
    });
    // After the single events of the world, because a file overrules those of earlier days.
    const network = { kind: 'network', name: 'network.csv', asOf: '2026-07-01' };
    const closing = await anna.upload(`npi,status,from\n${NPI},out-of-network,2025-06-01\n`, network);
    expect(await anna.rests(closing)).toMatchObject({
      state: 'checked',
      report: { added: 1, lost: 2, lists: [{ list: `npi|${NPI}`, held: 2, lost: 2 }] },
    });
  });

  it('is recognised as gzip, in UTF-16, and with other columns by a map', async () => {
    await world('m1');
    const text = 'MBR;NPI;EFF\r\nm1;1234567893;01/02/2025\r\n';
    const map = { columns: { member: 'MBR', from: 'EFF' }, days: 'MM/DD/YYYY', constants: { basis: 'pcp' } };
    const bytes = gzipSync(Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]));
    expect(await anna.import(bytes, { map, name: 'r.csv.gz' }, 11)).toMatchObject({
      state: 'done',
      report: { added: 1 },
    });
    expect((await held()).rows[0].row).toEqual({ npi: NPI, from: '2025-01-02', basis: 'pcp' });
  });
});

describe('what is wrong with a file', () => {
  const faultOf = async (file: string | Uint8Array, more: object = {}): Promise<Loose> => {
    const run = await anna.rests(await anna.upload(file, more));
    expect(run.state).toBe('refused');
    return run.fault;
  };
  it('is told with lines and columns and no cell, and at most 20 rows of it', async () => {
    const rows = Array.from({ length: 3000 }, (_, n) => `m${n},secret-${n},12/31/2025`);
    const fault = await faultOf(roster(...rows));
    expect(fault).toMatchObject({ code: 'faulty-rows', about: { count: 3000 } });
    expect(fault.rows).toHaveLength(20);
    expect(fault.rows.slice(0, 2)).toEqual([
      { line: 2, column: 'from', reason: expect.stringMatching(/^the value is a day in another form/) },
      { line: 3, column: 'from', reason: expect.stringMatching(/^the value is a day in another form/) },
    ]);
    // A file without a header: its first row stands where the names of columns stand.
    const missing = await faultOf('secret-1,secret-2,secret-3\nm1,secret-4,secret-5\n');
    expect(missing).toMatchObject({ code: 'column-missing', about: { attributes: ['member'] } });
    const twice = await faultOf('secret-1,secret-1\nm1,secret-4\n');
    expect(twice.code).toBe('columns-alike');
    const excel = await faultOf(roster(`m1,${NPI},45658`, 'm2,"secret "" quoted",2025-01-01'));
    const named = await faultOf(roster('secret m,1234567893,2025-01-01', `m2,${NPI},"secret, a "" b"`));
    expect(JSON.stringify([fault, missing, twice, excel, named])).not.toMatch(/secret|12\/31|45658|2025-01/);
  });

  it.each([
    ['cut', 'member,npi,from\nm1,1234567893,2025-01-01', {}],
    ['empty', 'member,npi,from\n', {}],
    ['rows-differ', roster(row('m1')), { rows: 2 }],
    ['two-contents', roster(row('m1'), row('m1', NPI, '2025-02-01')), {}],
    ['doubled', roster(row('m1'), row('m1')), {}],
    ['no-csv', Buffer.from('504b0304140006000a', 'hex'), {}],
    ['unreadable', gzipSync(roster(row('m1'))).subarray(0, 30), {}],
    ['mapped-column-missing', roster(row('m1')), { map: { columns: { member: 'MBR' } } }],
  ])('A75 refuses a file: %s', async (code, file, more) => {
    expect(await faultOf(file, more)).toMatchObject({ code, text: expect.stringMatching(/^[A-Z].*\.$/) });
  });

  it('is that a small upload becomes large', async () => {
    expect(await faultOf(gzipSync(Buffer.alloc(64 * 1024 * 1024 + 1, 'x')))).toMatchObject({ code: 'too-large' });
    expect(await faultOf(gzipSync(Buffer.alloc(1_000_003, '\n')))).toMatchObject({ code: 'too-many-rows' });
    const long = await anna.ask('POST', '', { ...BODY, map: { constants: { basis: 'x'.repeat(201) } } });
    expect([long.status, long.text]).toEqual([400, expect.stringContaining('map.constants')]);
  });
});
const BODY = { kind: 'roster', source: 'north-mso', asOf: '2026-01-01', name: 'a.csv' };

describe('an upload', () => {
  it('takes parts in their order, again, and with no other bytes', async () => {
    await world('m1');
    const [one, two] = [roster(row('m1')), `${row('m2')}\n`];
    const id = await anna.begin();
    expect((await anna.part(id, 1, two)).body).toEqual({
      error: 'conflict',
      message: 'Parts come in order: the next one is 0.',
    });
    expect((await anna.part(id, 0, one)).body).toMatchObject({ parts: 1 });
    expect((await anna.part(id, 0, one)).body).toMatchObject({ parts: 1 });
    expect((await anna.part(id, 0, two)).status).toBe(409);
    // Two requests with different bytes: one of them counts, and its bytes are those that are read.
    const both = await Promise.all([anna.part(id, 1, two), anna.part(id, 1, `${row('m3')}\n`)]);
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    await anna.ask('POST', `/${id}/check`);
    expect((await anna.part(id, 2, two)).status).toBe(409);
    expect((await anna.part(id, 0, one)).status).toBe(200);
    const run = await anna.rests(id);
    expect(run).toMatchObject({ state: 'checked', report: { rows: 2 } });
    expect((await anna.ask('POST', `/${id}/check`)).body).toMatchObject({ state: 'checked' });
    await anna.ask('POST', `/${id}/confirm`, { number: run.report.number });
    expect((await anna.part(id, 2, two)).status).toBe(409);
    await anna.rests(id);
    expect((await anna.part(id, 0, one)).status).toBe(409);
    expect(await heldRows()).toEqual([`m1 ${NPI}`, both[0].status === 200 ? `m2 ${NPI}` : `m3 ${NPI}`]);
  });

  it('has at most 64 parts of 1 MiB', async () => {
    const id = await anna.begin();
    expect((await anna.part(id, 0, Buffer.alloc(1024 * 1024 + 1, 'x'))).status).toBe(413);
    for (let n = 0; n < 64; n += 1) expect((await anna.part(id, n, 'x')).status).toBe(200);
    expect((await anna.part(id, 64, 'x')).status).toBe(413);
    for (const n of ['-1', '1e3', 'x', '1.0', '9999']) expect((await anna.part(id, n, 'x')).status).toBe(400);
    expect((await anna.part(id, 0, '')).status).toBe(400);
    expect((await anna.part(id, 0, '{}', 'application/json')).status).toBe(415);
    const none = await anna.begin({ source: 'other' });
    expect((await anna.ask('POST', `/${none}/check`)).status).toBe(409);
  });

  it('begins with names and a map that are no attack', async () => {
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ name: '../../etc/passwd' }, /name: .*without its folder/],
      [{ name: 'C:\\roster.csv' }, /name/],
      [{ name: 'a\u0000b' }, /name/],
      [{ name: 'x'.repeat(201) }, /name/],
      [{ source: 'North' }, /source/],
      [{ source: '__proto__' }, /source/],
      [{ kind: 'opt-ins' }, /kind/],
      [{ asOf: '2026-02-30' }, /asOf/],
      [{ rows: -1 }, /rows/],
      [{ more: true }, /more/],
      [{ map: { columns: { nobody: 'x' } } }, /columns\.nobody is no attribute/],
      [{ map: { values: { basis: { constructor: 'x' } } } }, /map\.values/],
      [{ map: { days: `YYYY-MM-DD${'(a+)+'.repeat(10)}` } }, /map\.days/],
      [{ map: { days: 'YYYY' } }, /days/],
    ];
    for (const [more, why] of wrong) {
      const told = await anna.ask('POST', '', { ...BODY, ...more });
      expect([told.status, told.text], JSON.stringify(more)).toEqual([400, expect.stringMatching(why)]);
    }
    const values = Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`value ${n}`, 'x']));
    expect((await anna.ask('POST', '', { ...BODY, map: { values: { basis: values } } })).status).toBe(413);
    const hidden = JSON.parse('{"columns":{"__proto__":"x"},"values":{"basis":{"__proto__":"x"}}}') as object;
    const polluted = await anna.begin({ source: 'polluted', map: hidden });
    expect((await h.state.streams.load<Loose>(`import-run/${polluted}`))?.snapshot.map).toEqual({
      columns: {},
      values: { basis: {} },
    });
    const script = '<script>alert(1)</script>'.replaceAll('/', '');
    const id = await anna.begin({ name: script, map: { days: 'MM.(a+)+$DD YYYY' } });
    expect((await anna.ask('GET', `/${id}`)).body.name).toBe(script);
    expect((await anna.ask('GET', '')).body.runs[0].name).toBe(script);
  });

  it('ends with every content gone: discarded, done, refused, and after 24 hours', async () => {
    const stored = async (id: string): Promise<readonly string[]> => {
      const run = (await h.state.streams.load<Loose>(`import-run/${id}`))?.snapshot;
      expect(JSON.stringify(run)).not.toMatch(/"map"|"confirmed"/);
      return run.parts as string[];
    };
    const contentOf = async (id: string, bytes: string): Promise<boolean> => {
      const digest = createHash('sha256').update(bytes).digest('hex');
      return (await h.state.streams.load(`import-part/${id}/0/${digest}`)) !== undefined;
    };
    const file = roster(row('m1'));
    const begun = await anna.begin({ map: {} });
    await anna.part(begun, 0, file);
    expect(await contentOf(begun, file)).toBe(true);
    expect((await anna.ask('DELETE', `/${begun}`)).body).toMatchObject({
      state: 'stopped',
      endedAt: expect.any(String),
    });
    expect((await anna.ask('DELETE', `/${begun}`)).status).toBe(409);
    const done = await anna.import(file, { map: {} });
    const refused = await anna.rests(await anna.upload(file, { map: {}, rows: 7 }));
    const late = await anna.upload(file, { map: {} });
    await anna.rests(late);
    expect(await contentOf(late, file)).toBe(true);
    h.now += 24 * 3600_000;
    anna = new Importer(h, await person(h, 'anna', 'engineer'));
    await anna.ask('POST', `/${late}/check`);
    await eventually(async () =>
      expect((await anna.ask('GET', `/${late}`)).body).toMatchObject({ state: 'stopped', fault: { code: 'expired' } }),
    );
    for (const id of [begun, done.id, refused.id, late]) {
      await eventually(async () => expect(await contentOf(id, file)).toBe(false));
      expect(await stored(id)).toEqual([]);
    }
  });

  it('is one of a source and kind, three of a person, and twenty of all', async () => {
    await anna.begin();
    const same = await anna.ask('POST', '', BODY);
    expect([same.status, same.text]).toEqual([409, expect.stringContaining('this source and kind')]);
    await anna.begin({ kind: 'coverage' });
    await anna.begin({ source: 'south' });
    expect((await anna.ask('POST', '', { ...BODY, source: 'west' })).text).toContain('You have 3 open runs');
    for (let n = 3; n < 20; n += 1) {
      const one = new Importer(h, await person(h, `p${Math.floor(n / 3)}`, 'engineer'));
      await one.begin({ source: `s${n}` });
    }
    const last = new Importer(h, await person(h, 'zoe', 'engineer'));
    expect((await last.ask('POST', '', { ...BODY, source: 'west' })).text).toContain('At most 20');
    expect((await anna.ask('GET', '')).body.runs).toHaveLength(20);
  });
});
