import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { variant } from '@provider-access/testing/variant';
import { COMPILED } from './compiled.ts';

const DEMO = join(import.meta.dirname, '../../tools/cli/dist/demo.js');
const work = mkdtempSync(join(tmpdir(), 'provider-access-demo-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

function demo(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const { NODE_OPTIONS: _options, ...inherited } = process.env;
    const env = { ...inherited, NODE_COMPILE_CACHE: COMPILED.NODE_COMPILE_CACHE };
    const child = spawn(process.execPath, [DEMO, ...args], { cwd: work, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

interface Report {
  members: number;
  seed: string;
  mismatches: string[];
  outcomesExpected: Record<string, number>;
  published: { accepted: number; refused: unknown[]; outcomes: Record<string, number> };
  deadLetters: { expected: number; found: number };
  verification: {
    membersExpected: number;
    membersFound: number;
    resourcesExpected: number;
    resourcesFound: number;
    moneyElements: number;
    optedOutFound: number;
    faultCount: number;
    perType: Record<string, { expected: number; found: number }>;
  };
  month: {
    roster: { members: number; left: number; gone: number; confirmed: string };
    withheld: { claim: string; reason: string };
    optedOutOfOne: string;
    notices: { expected: number; found: number };
  };
}

/** Each costs some twenty CPU-seconds. The suite `long` begins a second one in the folder that the first has left. */
const ROUNDS = variant.long ? ['first', 'second'] : ['first'];
test('everything is as the ledger says, and the report says so (`long`: twice in the same folder)', async () => {
  const reports: Report[] = [];
  for (const round of ROUNDS) {
    const { code, stdout, stderr } = await demo(
      '--members',
      '10',
      '--seed',
      '4',
      '--folder',
      'run',
      '--report',
      `${round}.json`,
    );
    expect(stderr).toContain('what was downloaded is what the ledger says, and nothing else');
    expect(code).toBe(0);
    expect(stdout).toMatch(/members +\d+ +\d+/);
    expect(stderr).toContain('Open what it made: DATA_DIR=run/data npm start, then http://127.0.0.1:8080/portal/');
    reports.push(JSON.parse(readFileSync(join(work, `${round}.json`), 'utf8')) as Report);
  }
  for (const { published, outcomesExpected, verification, deadLetters, month, ...report } of reports) {
    expect(report).toMatchObject({ members: 10, seed: '4', mismatches: [] });
    expect(published.refused).toEqual([]);
    for (const [outcome, count] of Object.entries(outcomesExpected))
      expect(published.outcomes[outcome] ?? 0, outcome).toBe(count);
    expect(deadLetters.found).toBe(deadLetters.expected);
    expect(verification).toMatchObject({
      moneyElements: 0,
      optedOutFound: 0,
      formerOptOuts: { found: 0 },
      faultCount: 0,
      membersFound: verification.membersExpected,
      resourcesFound: verification.resourcesExpected,
    });
    expect(verification.resourcesFound).toBeGreaterThan(500);
    for (const { expected, found } of Object.values(verification.perType)) expect(found).toBe(expected);
    // A73, N20, N38 and R15: what a payer does in the month after.
    expect(month.roster.left).toBeGreaterThan(0);
    expect(month.roster.members).toBeGreaterThan(month.roster.left);
    expect(month.roster.gone).toBe(month.roster.left);
    expect(month.roster.confirmed).toMatch(/^\d{5}-\d{5}$/);
    expect(month.withheld).toEqual({
      claim: 'demo-sensitive',
      reason: expect.stringMatching(/^ICD-10 F11\.20, list \d{4}-\d{2}-\d{2}, 42 CFR Part 2$/) as string,
    });
    expect(month.optedOutOfOne).toMatch(/^m-\d{6}$/);
    expect(month.notices.found).toBe(month.notices.expected);
    expect(month.notices.found).toBeGreaterThan(0);
  }
  // The same seed gives the same payer.
  for (const { verification } of reports.slice(1))
    expect(verification.perType).toEqual(reports[0]!.verification.perType);
}, 600_000);

test.each([
  [['--members', 'many'], /whole number above 0/],
  [['--nonsense'], /unknown option/],
])('%s is wrong usage', async (args, said) => {
  const { code, stderr } = await demo(...args);
  expect(stderr).toMatch(said);
  expect(code).toBe(2);
});
