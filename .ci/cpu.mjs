/**
 * What the tiers of `.ci/run` cost, in units of a fixed piece of work (`unit.mjs`) that is measured in the same run:
 * CPU-seconds grow on a busy machine, and those of the piece grow with them. `.ci/cpu.json` has a budget for each tier
 * and the recorded units of each suite. An author who makes a suite more expensive on purpose records the new figure
 * (`npm test -- --record` or `npm run test:tiers -- --record`), and raises the budget if the tier needs it.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './report.mjs';

const FILE = join(root, '.ci/cpu.json');
const UNIT = join(import.meta.dirname, 'unit.mjs');
/** Beside the tests it takes one CPU-second of fifty. */
const EVERY_MS = 30_000;
/** A tier may cost its budget and half of it. */
const MOST = 1.5;
/** The start of vitest varies more than the tests of a few small suites, which may be all that Nx has not restored. */
const SMALL = 20;
const LARGEST = 20;

export const readTable = () => JSON.parse(readFileSync(FILE, 'utf8'));
const tierOf = (suite) => suite.slice(suite.lastIndexOf(':') + 1);
/** Projects whose suite of this tier has at least so many recorded units, the largest first. */
export const largestOf = (tier, least, { suites } = readTable()) =>
  Object.entries(suites)
    .filter(([suite, units]) => tierOf(suite) === tier && units >= least)
    .sort(([, a], [, b]) => b - a)
    .map(([suite]) => suite.slice(0, -tier.length - 1));
const total = (numbers) => numbers.reduce((n, one) => n + one, 0);

/** CPU-seconds of all child processes that have ended, of their children too. Undefined where there is no /proc. */
export function cpuOfChildren() {
  try {
    // proc(5): cutime and cstime are fields 16 and 17, in ticks of 10 ms. The name in field 2 may contain spaces.
    const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ');
    return (Number(fields[13]) + Number(fields[14])) / 100;
  } catch {
    return undefined;
  }
}

export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Measures the unit now, every half minute, and when it ends, so that it has the load of the tests.
 * @returns a function that ends it, with the median in CPU-seconds
 */
export function measureUnit() {
  const found = [];
  const measure = () =>
    new Promise((resolve) =>
      execFile(process.execPath, [UNIT], (error, text) => {
        if (error === null) found.push(Number(text));
        resolve();
      }),
    );
  let last = measure();
  const timer = setInterval(() => (last = last.then(measure)), EVERY_MS);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await last;
    await measure();
    return median(found);
  };
}

/** Suites in units. Without a figure are suites that Nx restored, and all where there is no /proc. */
export const inUnits = (cpu, unit) =>
  Object.fromEntries(
    Object.entries(cpu)
      .filter(([, seconds]) => seconds !== undefined)
      .map(([suite, seconds]) => [suite, seconds / unit]),
  );

/**
 * The cost of each tier beside the budget of those of its suites that ran: a tier of which Nx restored a part has this
 * part less of its budget, by the recorded figures. A suite that is not recorded yet has no part.
 */
export function tiersOf(units, { budgets, suites }) {
  return [...Map.groupBy(Object.keys(units), tierOf)].map(([tier, ran]) => {
    const all = total(Object.keys(suites).flatMap((suite) => (tierOf(suite) === tier ? suites[suite] : [])));
    const part = all === 0 ? 1 : total(ran.map((suite) => suites[suite] ?? 0)) / all;
    const cost = total(ran.map((suite) => units[suite]));
    const budget = (budgets[tier] ?? 0) * part;
    return { tier, cost, budget, tooMuch: cost > Math.max(budget * MOST, budget + SMALL) };
  });
}

const round = (n) => n.toFixed(0).padStart(5);

/** Prints the largest suites and each tier. @returns a sentence for each tier above its budget and half of it */
export function printCpu(cpu, unit, table = readTable(), print = console.log) {
  const units = inUnits(cpu, unit);
  const rows = Object.entries(units).sort((a, b) => b[1] - a[1]);
  if (rows.length === 0) return [];
  print(`\nCost in units (1 unit is a piece of work that took ${unit.toFixed(2)} CPU-seconds in this run).`);
  print(`The largest ${Math.min(LARGEST, rows.length)} of ${rows.length} suites that ran (recorded):`);
  for (const [suite, n] of rows.slice(0, LARGEST))
    print(`  ${round(n)} (${table.suites[suite] ?? 'not recorded'})  ${suite}`);
  print('Tiers (budget of what ran):');
  const tiers = tiersOf(units, table);
  for (const { tier, cost, budget } of tiers) print(`  ${round(cost)} (${budget.toFixed(0)})  ${tier}`);
  return tiers.flatMap(({ tier, cost, budget, tooMuch }) =>
    tooMuch
      ? `The tier ${tier} cost ${cost.toFixed(0)} units, more than one and a half of its budget of ` +
        `${budget.toFixed(0)}. Compare its suites above with the recorded ones. Make the one that grew cheaper, or ` +
        'record it and raise the budget in .ci/cpu.json.'
      : [],
  );
}

/** Only CI knows that its machine gives the units the same meaning as the recorded ones. Elsewhere it is a warning. */
export function judgeCpu(sentences, fail) {
  for (const sentence of sentences) {
    if (process.env.CI) fail(sentence);
    else console.log(`WARNING ${sentence}`);
  }
}

export function recordCpu(cpu, unit) {
  const table = readTable();
  const measured = Object.entries(inUnits(cpu, unit)).map(([suite, n]) => [suite, Math.ceil(n)]);
  const rows = Object.entries({ ...table.suites, ...Object.fromEntries(measured) });
  table.suites = Object.fromEntries(rows.sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(FILE, `${JSON.stringify(table, undefined, 2)}\n`);
}
