import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';

/** What a tier may cost decides whether a change lands, so the calculation is tested with figures made by hand. */
const ROOT = join(import.meta.dirname, '../../..');
interface Table {
  budgets: Record<string, number>;
  suites: Record<string, number>;
}
interface Tier {
  tier: string;
  cost: number;
  budget: number;
  tooMuch: boolean;
}
const { inUnits, judgeCpu, largestOf, measureUnit, median, printCpu, readTable, tiersOf } = (await import(
  join(ROOT, '.ci/cpu.mjs')
)) as {
  inUnits(cpu: Record<string, number | undefined>, unit: number): Record<string, number>;
  judgeCpu(sentences: readonly string[], fail: (sentence: string) => void): void;
  largestOf(tier: string, least: number, table: Table): readonly string[];
  measureUnit(): () => Promise<number>;
  median(numbers: readonly number[]): number;
  printCpu(
    cpu: Record<string, number | undefined>,
    unit: number,
    table: Table,
    print: (line: string) => void,
  ): readonly string[];
  readTable(): Table;
  tiersOf(units: Record<string, number>, table: Table): readonly Tier[];
};

const table: Table = {
  budgets: { npm: 100, world: 50 },
  suites: { 'libs/a:npm': 60, 'libs/b:npm': 20, 'e2e:world': 40 },
};
const tier = (units: Record<string, number>): Tier => tiersOf(units, table)[0]!;

it('knows the projects that are large enough to run by themselves, the largest first', () => {
  const suites = { ...table.suites, 'libs/c:npm': 70, e2e: 90 };
  expect(largestOf('npm', 60, { ...table, suites })).toEqual(['libs/c', 'libs/a']);
  expect(largestOf('world', 41, table)).toEqual([]);
});

describe('the budget of a tier', () => {
  it('holds as long as the cost is at most one and a half of it', () => {
    expect(tier({ 'libs/a:npm': 100, 'libs/b:npm': 50 })).toEqual({
      tier: 'npm',
      cost: 150,
      budget: 100,
      tooMuch: false,
    });
    expect(tier({ 'libs/a:npm': 100, 'libs/b:npm': 51 })).toMatchObject({ cost: 151, tooMuch: true });
  });

  it('is each tier’s own', () => {
    expect(tiersOf({ 'libs/a:npm': 60, 'libs/b:npm': 20, 'e2e:world': 76 }, table)).toEqual([
      { tier: 'npm', cost: 80, budget: 100, tooMuch: false },
      { tier: 'world', cost: 76, budget: 50, tooMuch: true },
    ]);
  });

  it('counts units, so that a machine on which everything takes twice as long changes nothing', () => {
    const seconds = { 'libs/a:npm': 70, 'libs/b:npm': 35 };
    const twice = { 'libs/a:npm': 140, 'libs/b:npm': 70 };
    expect(tiersOf(inUnits(seconds, 0.5), table)).toEqual(tiersOf(inUnits(twice, 1), table));
    expect(tier(inUnits(twice, 0.5)).tooMuch).toBe(true);
  });

  it('is smaller by the part of what Nx restored: a suite that grew does not hide behind one that did not run', () => {
    // 60 of the recorded 80 units, so 75 of the budget of 100.
    expect(tier({ 'libs/a:npm': 112 })).toEqual({ tier: 'npm', cost: 112, budget: 75, tooMuch: false });
    expect(tier({ 'libs/a:npm': 113 }).tooMuch).toBe(true);
  });

  it('leaves 20 units to a few small suites, which are mostly the start of vitest', () => {
    expect(tier({ 'libs/b:npm': 45 })).toEqual({ tier: 'npm', cost: 45, budget: 25, tooMuch: false });
    expect(tier({ 'libs/b:npm': 46 }).tooMuch).toBe(true);
  });

  it('has no part for a suite that is not recorded, nor for a tier without a budget', () => {
    expect(tier({ 'libs/a:npm': 60, 'libs/b:npm': 20, 'libs/new:npm': 71 })).toMatchObject({
      cost: 151,
      tooMuch: true,
    });
    expect(tier({ 'libs/new:npm': 21 }).tooMuch).toBe(true);
    expect(tier({ 'libs/a:other': 21 })).toMatchObject({ tier: 'other', budget: 0, tooMuch: true });
  });

  it('leaves out a suite without a figure', () => {
    expect(inUnits({ 'libs/a:npm': undefined, 'libs/b:npm': 3 }, 0.5)).toEqual({ 'libs/b:npm': 6 });
  });
});

describe('the unit', () => {
  it('is the median, so that one slow measurement does not change it', () => {
    expect([median([0.5, 0.6, 9]), median([0.7, 0.5]), median([0.4])]).toEqual([0.6, 0.6, 0.4]);
  });

  it('is measured', async () => {
    expect(await measureUnit()()).toBeGreaterThan(0);
  });
});

describe('a run', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('prints the largest 20 suites and every tier, and names the tier that costs too much', () => {
    const cpu: Record<string, number> = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`libs/${i}:npm`, i + 1]),
    );
    const suites = { ...cpu, 'e2e:world': 40 };
    const lines: string[] = [];
    const failures = printCpu({ ...cpu, 'e2e:world': 400 }, 1, { budgets: { npm: 500, world: 50 }, suites }, (line) =>
      lines.push(line),
    );
    const printed = lines.filter((line) => /^ +\d+ \(\d+\) {2}\S+:\S+$/.test(line)).map((line) => line.trim());
    expect(printed).toHaveLength(20);
    expect(printed.slice(0, 2)).toEqual(['400 (40)  e2e:world', '30 (30)  libs/29:npm']);
    expect(lines).toEqual(expect.arrayContaining(['    465 (500)  npm', '    400 (50)  world']));
    expect(failures).toEqual([expect.stringMatching(/^The tier world cost 400 units, .* budget of 50\./)]);
  });

  it('in which Nx restored everything prints nothing', () => {
    const lines: string[] = [];
    expect(printCpu({}, 1, table, (line) => lines.push(line))).toEqual([]);
    expect(lines).toEqual([]);
  });

  it('fails in CI only: another machine may give the unit another meaning', () => {
    const failed: string[] = [];
    vi.spyOn(console, 'log').mockReturnValue();
    vi.stubEnv('CI', '');
    judgeCpu(['too much'], (sentence) => failed.push(sentence));
    expect(failed).toEqual([]);
    vi.stubEnv('CI', 'true');
    judgeCpu(['too much'], (sentence) => failed.push(sentence));
    expect(failed).toEqual(['too much']);
  });
});

describe('.ci/cpu.json', () => {
  const { budgets, suites } = readTable();

  it.each(Object.keys(suites).filter((suite) => suite !== 'repository:static'))('%s is a suite', (suite) => {
    const [project, name] = suite.split(':') as [string, string];
    const file = join(ROOT, project, 'package.json');
    expect(existsSync(file)).toBe(true);
    const { scripts } = JSON.parse(readFileSync(file, 'utf8')) as { scripts: Record<string, string> };
    expect(scripts).toHaveProperty(name === 'npm' ? 'test' : `test-${name}`);
  });

  it('gives each tier a budget in which its recorded suites have room', () => {
    expect(
      tiersOf(suites, { budgets, suites })
        .map(({ tier: name }) => name)
        .toSorted(),
    ).toEqual(Object.keys(budgets).toSorted());
    for (const { tier: name, cost, budget } of tiersOf(suites, { budgets, suites }))
      expect(cost, name).toBeLessThanOrEqual(budget);
  });
});
