import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PA_AUDIT } from '@provider-access/events';
import { Sessions } from '@provider-access/smart';
import { typed } from '../../../test/groups.ts';
import { enrolled, Harness, inNetwork, payerEvent } from '../../../test/harness.ts';
import { Importer, type Loose, payer, person, roster } from '../../../test/import-runs.ts';

/** Who confirms what: the attack list is in imports.int.spec.ts. */
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
const row = (member: string): string => `${member},${NPI},2025-01-01`;
const world = (...members: readonly string[]): Promise<void> =>
  h.publish(inNetwork(NPI), ...members.map((member) => enrolled(member)));
/** What the platform holds of the source, as `pa` reads it. */
async function held(source = 'north-mso'): Promise<Loose> {
  return (await h.get(`/ops/sources/${source}/roster`, payer)).json<Loose>();
}
const heldRows = async (source?: string): Promise<readonly string[]> =>
  ((await held(source)).rows as Loose[])
    .filter((one) => one.row !== null)
    .map((one) => `${one.subject} ${one.row.npi}`)
    .toSorted();

describe('a confirmation', () => {
  const checked = async (file = roster(row('m1')), more: object = {}): Promise<Loose> =>
    anna.rests(await anna.upload(file, more));

  it('has the number of the report, once, of any engineer, and the audit names both', async () => {
    await world('m1');
    const ben = new Importer(h, await person(h, 'ben', 'engineer'));
    const run = await checked();
    for (const number of ['00000-00000', 'x', '', 1])
      expect([400, 409]).toContain((await ben.ask('POST', `/${run.id}/confirm`, { number })).status);
    const { number } = run.report;
    const [one, two] = await Promise.all([
      ben.ask('POST', `/${run.id}/confirm`, { number }),
      ben.ask('POST', `/${run.id}/confirm`, { number }),
    ]);
    expect([one.status, two.status]).toEqual([202, 202]);
    expect(await ben.rests(run.id)).toMatchObject({ state: 'done', by: 'person anna', confirmedBy: 'person ben' });
    expect((await ben.ask('POST', `/${run.id}/confirm`, { number })).body).toMatchObject({ state: 'done' });
    expect((await held()).imports).toHaveLength(1);
    const entries = (await typed(h, PA_AUDIT, 'pa.disclosure.v1')).filter((one) => one['operation'] !== undefined);
    const told = entries.map((one) => `${one['client']} ${one['operation']} ${one['query']}`);
    const about = `run=${run.id}&kind=roster&source=north-mso`;
    expect(told).toContain(`person anna POST /ops/imports ${about}&asOf=2026-01-01`);
    expect(told).toContain(`person anna POST /ops/imports/{id}/check ${about}`);
    expect(told).toContain(`person ben POST /ops/imports/{id}/confirm ${about}&batch=${run.batch}&number=${number}`);
  });

  it('of a report that is old brings the run back, with the new report', async () => {
    await world('m1', 'm2');
    const run = await checked(roster(row('m1'), row('m2')));
    await h.publish(payerEvent('payer.member-terminated.v1', 'm2', { to: '2025-06-01' }));
    await anna.ask('POST', `/${run.id}/confirm`, { number: run.report.number });
    const again = await anna.rests(run.id);
    expect(again).toMatchObject({ state: 'checked', fault: { code: 'changed' }, report: { gained: 1 } });
    expect(again.report.number).not.toBe(run.report.number);
    expect(again.confirmedBy).toBeUndefined();
    expect(await heldRows()).toEqual([]);
    expect((await anna.ask('POST', `/${run.id}/confirm`, { number: run.report.number })).status).toBe(409);
    await anna.ask('POST', `/${run.id}/confirm`, { number: again.report.number });
    const done = await anna.rests(run.id);
    expect([done.state, done.fault]).toEqual(['done', undefined]);
  });

  it('of a person whose role ended is refused, and another engineer goes on', async () => {
    await world('m1');
    const run = await checked();
    expect((await anna.ask('GET', `/${run.id}`)).status).toBe(200);
    expect(await h.app.get(Sessions).endAll('person anna')).toBeGreaterThan(0);
    expect((await anna.ask('POST', `/${run.id}/confirm`, { number: run.report.number })).status).toBe(401);
    const gone = new Importer(h, await person(h, 'anna', 'auditor'));
    for (const [method, path] of [
      ['POST', `/${run.id}/confirm`],
      ['DELETE', `/${run.id}`],
      ['GET', `/${run.id}`],
      ['GET', ''],
    ] as const)
      expect((await gone.ask(method, path, method === 'POST' ? { number: run.report.number } : undefined)).status).toBe(
        403,
      );
    const ben = new Importer(h, await person(h, 'ben', 'engineer'));
    await ben.ask('POST', `/${run.id}/confirm`, { number: run.report.number });
    expect(await ben.rests(run.id)).toMatchObject({ state: 'done', by: 'person anna', confirmedBy: 'person ben' });
  });

  it('is for nobody without the role, and an unknown run has one answer', async () => {
    const run = await checked();
    const texts = new Set<string>();
    const dead = `run-${'a'.repeat(26)}`;
    for (const id of [dead, `imp-${'a'.repeat(26)}`, 'x', '..%2f..', `${run.id}x`, '%00', 'undefined', '__proto__']) {
      for (const [method, path, body] of [
        ['GET', `/${id}`, undefined],
        ['DELETE', `/${id}`, undefined],
        ['POST', `/${id}/check`, undefined],
        ['POST', `/${id}/confirm`, { number: '00000-00000' }],
      ] as const) {
        const told = await anna.ask(method, path, body);
        expect(told.status, `${method} ${path}`).toBe(404);
        texts.add(told.text);
      }
      const part = await anna.part(id, 0, 'x');
      expect(part.status).toBe(404);
      texts.add(part.text);
    }
    expect([...texts]).toHaveLength(1);
    for (const role of ['reviewer', 'auditor', 'operator', 'compliance', 'call-centre'] as const) {
      const other = new Importer(h, await person(h, role, role));
      expect((await other.ask('GET', `/${run.id}`)).status).toBe(403);
    }
    expect((await new Importer(h, {}).ask('GET', '')).status).toBe(401);
  });
});
