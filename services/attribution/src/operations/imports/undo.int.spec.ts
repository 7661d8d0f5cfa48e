import { afterEach, beforeEach, expect, it } from 'vitest';
import { EngineUnavailable } from '@provider-access/engines/log';
import { enrolled, Harness, inNetwork, payerEvent } from '../../../test/harness.ts';
import { dyingAfter, Importer, type Loose, payer, person, roster } from '../../../test/import-runs.ts';

/**
 * Attacks on an undo: a name that is no import, or one of opt-outs [names]; an import that was taken back already, or
 * that never was [nothing left]; rows that a later file changed [later file]; another import between the report and the
 * confirmation [changed]; a process that ends in the middle [killed]; parts for a run without a file [no file].
 */
let h: Harness;
let anna: Importer;
beforeEach(async () => {
  h = new Harness();
  h.now = Date.now() - 60_000;
  await h.start();
  anna = new Importer(h, await person(h, 'anna', 'engineer'));
});
afterEach(() => h.stop());

const NPI = '1234567893';
const members = (from: number, to: number): readonly string[] =>
  Array.from({ length: to - from }, (_, n) => `m${1000 + from + n}`);
const fileOf = (some: readonly string[], from = '2025-01-01'): string =>
  roster(...some.map((member) => `${member},${NPI},${from}`));
const world = (some: readonly string[]): Promise<void> =>
  h.publish(inNetwork(NPI), ...some.map((member) => enrolled(member)));
const page = async (): Promise<Loose> => (await h.get('/ops/sources/north-mso/roster', payer)).json<Loose>();
const held = async (): Promise<readonly string[]> =>
  ((await page()).rows as Loose[]).filter((one) => one.row !== null).map((one) => `${one.subject} ${one.row.from}`);
const undo = async (batch: string): Promise<Loose> => {
  const told = await anna.ask('POST', '/undo', { batch });
  expect([told.status, told.text]).toEqual([201, told.text]);
  return anna.rests(told.body.id as string);
};
const confirmed = async (run: Loose): Promise<Loose> => {
  expect((await anna.ask('POST', `/${run.id}/confirm`, { number: run.report.number })).status).toBe(202);
  return anna.rests(run.id as string);
};

it('A76 makes each row what it was, says before how many, and a second undo changes nothing', async () => {
  await world(members(0, 10));
  await anna.import(fileOf(members(0, 6)));
  const before = await held();
  h.now += 1000;
  // By hand: rows 0 and 1 end, 6 to 8 are new, and the others stay.
  const { batch } = await anna.import(fileOf(members(2, 9)), { asOf: '2026-02-01' });
  const since = new Date(h.now).toISOString();
  h.now += 1000;
  const run = await undo(batch);
  expect(run).toEqual({
    id: run.id,
    action: 'undo',
    undoes: batch,
    kind: 'roster',
    source: 'north-mso',
    asOf: '2026-02-01',
    state: 'checked',
    by: 'person anna',
    startedAt: expect.any(String),
    parts: 0,
    batch: `undo.${batch}`,
    report: {
      number: expect.stringMatching(/^\d{5}-\d{5}$/),
      batch: `undo.${batch}`,
      undoes: batch,
      rows: 5,
      kept: 0,
      members: 3,
      since,
    },
  });
  expect(await held()).not.toEqual(before);
  expect(await confirmed(run)).toMatchObject({ state: 'done', confirmedBy: 'person anna', batch: `undo.${batch}` });
  expect(await held()).toEqual(before);
  expect((await page()).imports.at(-1)).toMatchObject({ batch: `undo.${batch}`, undoes: batch, rows: 5 });
  const { sources } = (await h.get('/ops/sources', payer)).json<Loose>();
  expect(sources).toEqual([
    {
      ...{ source: 'north-mso', kind: 'roster', more: 0 },
      imports: [
        expect.objectContaining({ batch: `undo.${batch}`, undoes: batch, rows: 5, asOf: '2026-02-01' }),
        expect.objectContaining({ batch, rows: 7 }),
        expect.objectContaining({ rows: 6, asOf: '2026-01-01' }),
      ],
    },
  ]);
  expect(JSON.stringify(sources)).not.toContain('m100');
  expect(await undo(batch)).toMatchObject({ state: 'refused', fault: { code: 'nothing-left' } });
  expect(await undo('roster.nobody.2026-02-01.0123456789')).toMatchObject({ fault: { code: 'nothing-left' } });
  // The first file again changes nothing, because it counts again.
  h.now += 1000;
  expect(await anna.import(fileOf(members(0, 6)))).toMatchObject({ state: 'done', report: { added: 0, ended: 0 } });
});

it('A76 leaves what a later file changed, and wants a new confirmation after another import', async () => {
  await world(members(0, 4));
  const first = await anna.import(fileOf(members(0, 4)));
  h.now += 1000;
  const run = await undo(first.batch);
  expect(run.report).toMatchObject({ rows: 4, kept: 0, members: 4 });
  const other = { provider: { npi: NPI }, from: '2025-05-01' };
  const file = { source: 'north-mso', batch: 'roster.north-mso.2026-02-01.0123456789', asOf: '2026-02-01' };
  await h.publish(
    payerEvent('payer.attribution-asserted.v1', 'm1000', { ...other, file }, { time: new Date(h.now).toISOString() }),
  );
  const again = await confirmed(run);
  expect(again).toMatchObject({ state: 'checked', fault: { code: 'changed' }, report: { rows: 3, kept: 1 } });
  h.now += 1000;
  expect(await confirmed(again)).toMatchObject({ state: 'done' });
  expect(await held()).toEqual(['m1000 2025-05-01']);
});

it('is of an import of a roster, of coverage or of a network, and of nothing else', async () => {
  for (const batch of ['', 'x', '../x', 'roster.North.2026-01-01.0123456789', 'opt-ins.a.2026-01-01.0123456789', 1])
    expect((await anna.ask('POST', '/undo', { batch })).status).toBe(400);
  const optOuts = await anna.ask('POST', '/undo', { batch: 'opt-outs.north-mso.2026-01-01.0123456789' });
  expect([optOuts.status, optOuts.text]).toEqual([422, expect.stringContaining('--ends')]);
  const run = await undo('roster.north-mso.2026-01-01.0123456789');
  expect((await anna.part(run.id, 0, 'x')).status).toBe(409);
  expect((await anna.ask('POST', `/${run.id}/check`)).status).toBe(409);
  expect((await new Importer(h, await person(h, 'olga', 'operator')).ask('POST', '/undo', {})).status).toBe(403);
});

it('of a run that was stopped in the middle takes back what it has published, also after a kill', async () => {
  const some = members(0, 600);
  await world(some);
  const stopping = await dyingAfter(h, 1, async () => {
    await anna.ask('DELETE', `/${id}`);
  });
  const id = await anna.upload(fileOf(some));
  const run = await anna.rests(id);
  await stopping.by.ask('POST', `/${id}/confirm`, { number: run.report.number });
  expect(await anna.rests(id)).toMatchObject({ state: 'stopped' });
  await stopping.app.close();
  expect(await held()).toHaveLength(250);
  h.now += 1000;
  const back = await undo(run.batch);
  expect(back.report).toMatchObject({ rows: 250, members: 250 });
  let killed = 0;
  const dying = await dyingAfter(h, 1, () => {
    killed += 1;
    throw new EngineUnavailable('killed');
  });
  await dying.by.ask('POST', `/${back.id}/confirm`, { number: back.report.number });
  await dying.by.until(back.id, () => killed > 0);
  await dying.app.close();
  h.now += 1000;
  expect(await confirmed(back)).toMatchObject({ state: 'done' });
  expect(await held()).toEqual([]);
  expect((await page()).imports).toMatchObject([{ rows: 250, undoes: run.batch }]);
});
