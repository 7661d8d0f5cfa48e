import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '@provider-access/testing';
import { type Fresh, freshPlatform, registerApp } from './harness.ts';
import { ALL, EVENTS, Gates, MEMBERS, NPI, OPEN, sharesTheOpenLineAlone, STARTED } from './lines-of-business.ts';
import { publishTaken } from './payers.ts';
import { http, json } from './road.ts';
import { LIMITS } from './world/context.ts';

/** Lines of business with start dates (PEOPLE.md N60 to N63), at every gate. */

/** How long the test leaves to look at the state before the line starts, ms. */
const BEFORE_START = 30_000;

describe('lines of business', () => {
  let fresh: Fresh;
  let gates: Gates;
  let token: () => Promise<string>;
  /** Status of an export that ended before the table was set. */
  let before: string;
  let starts: number;

  beforeAll(async () => {
    fresh = await freshPlatform({ env: { ...LIMITS, BUSINESS_TIME_ZONE: 'UTC' } });
    await publishTaken(fresh.platform(), ...EVENTS);
    const app = await registerApp(fresh.platform(), { name: 'P', npi: NPI });
    gates = new Gates(() => fresh.platform(), app);
    token = () => app.tokens.get();
    await eventually(async () => expect((await gates.read(`Patient/${MEMBERS.planless}`)).status).toBe(200));
    await eventually(async () => expect((await gates.read('ExplanationOfBenefit/eob-later')).status).toBe(200));
    before = await gates.kickOff();
    await gates.exported(before);
  });
  afterAll(() => fresh?.dispose());

  test('N63 without a table all lines are started', async () => {
    expect(await gates.exported(before)).toEqual(ALL);
    expect(await gates.groupMembers()).toEqual(Object.values(MEMBERS).toSorted());
    expect(json(await gates.operator('/ops/lines'))).toMatchObject({ version: 0, lines: [] });
  });

  test('refuses a table that is not understood, and says what is wrong', async () => {
    const twice = await gates.setLines(
      [
        { line: 'a', start: '2020-01-01', plans: ['P1'] },
        { line: 'b', start: '2020-01-01', plans: ['P1'] },
      ],
      'test',
    );
    expect(twice.status).toBe(400);
    expect(twice.body.toString()).toContain('P1');
    expect((await gates.setLines([{ line: 'a', start: '2020-13-01', plans: ['P1'] }], 'test')).status).toBe(400);
    expect((await gates.setLines([{ line: 'a', start: '2020-01-01', plan: ['P1'] }], 'test')).status).toBe(400);
    expect((await http(`${fresh.platform().base}/ops/lines`, { method: 'POST', token: await token() })).status).toBe(
      401,
    );
    expect(json(await gates.operator('/ops/lines'))).toMatchObject({ version: 0 });
  });

  test('N60 N62 N63 shares nothing of a line before its start, at every gate', async () => {
    starts = Date.now() + BEFORE_START;
    const set = await gates.setLines(
      [
        { line: 'medicare-advantage', start: '2020-01-01', plans: ['H1234'] },
        { line: 'medicaid-managed-care', start: new Date(starts).toISOString(), plans: ['MCO-7'] },
      ],
      'the contract of the state',
    );
    expect([set.status, json(set)]).toMatchObject([200, { version: 1, reason: 'the contract of the state' }]);
    await sharesTheOpenLineAlone(gates);
  });

  test('N62 a file that was written before the table has nothing of the line either', async () => {
    expect(await gates.exported(before)).toEqual(OPEN);
  });

  test('N63 reports what is not shared, by plan', async () => {
    expect(json(await gates.operator('/ops/lines'))).toMatchObject({
      version: 1,
      lines: [
        { line: 'medicare-advantage', started: true, coverages: 1 },
        { line: 'medicaid-managed-care', started: false, coverages: 2 },
      ],
      unmapped: [{ plan: 'GOLD', coverages: 1 }],
      withoutPlan: 1,
    });
    const explained = await gates.explain('both');
    expect(explained).toMatchObject({ decision: 'permit', withheld: { coverages: { 'c-later': 3, '': 1 } } });
  });

  test('the line comes back when it starts, without an event, and a delta has it', async () => {
    await eventually(async () => expect((await gates.read(`Patient/${MEMBERS.waiting}`)).status).toBe(200), {
      timeout: 2 * BEFORE_START,
    });
    expect(Date.now()).toBeGreaterThanOrEqual(starts);
    for (const path of ['ExplanationOfBenefit/eob-later', 'Provenance/of-eob-later'])
      expect([path, (await gates.read(path)).status]).toEqual([path, 200]);
    expect((await gates.found(`ExplanationOfBenefit?patient=${MEMBERS.both}&_total=accurate`)).total).toBe(2);
    expect(await gates.groupMembers()).toEqual([MEMBERS.both, MEMBERS.waiting].toSorted());
    const since = encodeURIComponent(new Date(starts - 1000).toISOString());
    expect(await gates.run(`?_since=${since}`)).toEqual(STARTED);
    expect(await gates.exported(before)).toEqual(STARTED);
  });
});
