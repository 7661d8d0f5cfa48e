import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ADMINISTRATOR, type Answer, Bench, prepare } from '../../../test/harness.ts';

beforeAll(prepare);
let bench: Bench;
beforeEach(async () => {
  bench = await Bench.start();
});
afterEach(() => bench.stop());

const DEFAULTS = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../../../docs/lines-of-business.json'), 'utf8'),
) as { readonly lines: readonly object[] };
const call = (method: 'GET' | 'POST', json?: unknown, token = ADMINISTRATOR, path = '/ops/lines'): Promise<Answer> =>
  bench.call(method, path, { token, ...(json !== undefined && { json }) });
const tables = async (): Promise<object[]> =>
  (await bench.registry()).filter(({ type }) => type === 'pa.lines-set.v1').map(({ data }) => data as object);
const LINE = { line: 'medicare-advantage', start: '2027-01-01', plans: ['H1234'] };

describe('the table of lines of business', () => {
  it('N60 is an event with who, when and why, and a day begins where access begins last', async () => {
    const set = await call('POST', {
      reason: 'CMS-0057-F',
      lines: [{ ...LINE, plans: ['H1', { plan: 'H2', start: '2027-07-01' }] }],
    });
    expect(set).toMatchObject({ status: 200, body: { version: 1, reason: 'CMS-0057-F' } });
    expect(await tables()).toEqual([
      {
        version: 1,
        setAt: '2027-01-04T12:00:00.000Z',
        by: expect.stringMatching(/^administrator [\w-]+$/) as string,
        reason: 'CMS-0057-F',
        lines: [
          {
            line: 'medicare-advantage',
            start: '2027-01-01',
            from: '2027-01-01T12:00:00.000Z',
            plans: [{ plan: 'H1' }, { plan: 'H2', start: '2027-07-01', from: '2027-07-01T12:00:00.000Z' }],
          },
        ],
      },
    ]);
  });
  it('is set once, however often asked, and a later one is another version', async () => {
    for (let i = 0; i < 2; i++) expect((await call('POST', { lines: [LINE] })).body).toMatchObject({ version: 1 });
    const next = await call('POST', { lines: [{ ...LINE, start: '2027-02-01' }] });
    expect(next.body).toMatchObject({ version: 2 });
    expect(await tables()).toHaveLength(2);
    expect((await call('GET')).body).toMatchObject({ version: 2, lines: [{ start: '2027-02-01', started: false }] });
  });
  it('is checked without being set', async () => {
    const checked = await call('POST', { lines: [LINE] }, ADMINISTRATOR, '/ops/lines/check');
    expect(checked).toMatchObject({ status: 200, body: { lines: [{ started: true, coverages: 0 }], unmapped: [] } });
    expect(await tables()).toEqual([]);
    expect((await call('GET')).body).toEqual({ version: 0, lines: [] });
  });
  it.each<[string, unknown, RegExp]>([
    ['no lines', {}, /^lines: /],
    ['an empty list', { lines: [] }, /at least one line/],
    ['a plan of two lines', { lines: [LINE, { ...LINE, line: 'other' }] }, /the plan "H1234" twice/],
    ['a line twice', { lines: [LINE, { ...LINE, plans: [] }] }, /the line "medicare-advantage" twice/],
    ['a day that does not exist', { lines: [{ ...LINE, start: '2027-02-30' }] }, /lines\.0\.start: must be a day/],
    ['a month', { lines: [{ ...LINE, start: '2027-02' }] }, /lines\.0\.start: must be a day/],
    ['a time without a zone', { lines: [{ ...LINE, start: '2027-01-01T00:00:00' }] }, /lines\.0\.start/],
    ['an attribute that nobody knows', { lines: [{ ...LINE, until: '2028-01-01' }] }, /until/],
    ['an empty plan', { lines: [{ ...LINE, plans: [''] }] }, /lines\.0\.plans\.0/],
    ['a plan that starts some day', { lines: [{ ...LINE, plans: [{ plan: 'H1', start: 'soon' }] }] }, /plans\.0/],
  ])('refuses %s, names what is wrong, and changes nothing', async (_what, body, said) => {
    const { status, body: answer } = await call('POST', body);
    expect([status, JSON.stringify(answer).replaceAll('\\', '')]).toEqual([
      400,
      expect.stringMatching(new RegExp(said.source.replace('^', ''))),
    ]);
    expect(await tables()).toEqual([]);
  });
  it('is for administrators alone', async () => {
    expect((await call('POST', { lines: [LINE] }, 'x'.repeat(43))).status).toBe(401);
    expect((await bench.call('POST', '/ops/lines', { json: { lines: [LINE] } })).status).toBe(401);
    expect(await tables()).toEqual([]);
  });
  it('N61 the file with the dates of the rule can be set, and managed care waits for its date', async () => {
    expect((await call('POST', DEFAULTS)).status).toBe(200);
    const [table] = (await tables()) as { lines: { line: string; start?: string; source?: string }[] }[];
    expect(table!.lines.map(({ line, start, source }) => [line, start, source])).toEqual([
      ['medicare-advantage', '2027-01-01', '42 CFR 422.121(a)'],
      ['medicaid-fee-for-service', '2027-01-01', '42 CFR 431.61(a)'],
      ['chip-fee-for-service', '2027-01-01', '42 CFR 457.731(a)'],
      ['medicaid-managed-care', undefined, '42 CFR 438.242(b)(7)'],
      ['chip-managed-care', undefined, '42 CFR 457.1233(d)'],
      ['exchange-plans', undefined, '45 CFR 156.222(a)'],
    ]);
  });
});
