import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The result of some suites. */
export interface Outcome {
  readonly passed: boolean;
  /** The first test that failed, or the error of the compiler. */
  readonly first?: string;
}
interface Report {
  readonly numTotalTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const REPORT = 'faults-report.json';
const packageOf = (spec: string): string => spec.split('/', 2).join('/');

/**
 * Runs spec files in their packages, until one fails.
 * @param root of the tree
 * @throws if a suite has no test
 */
export function runSuites(root: string, suites: readonly string[]): Outcome {
  for (const name of new Set(suites.map(packageOf))) {
    const cwd = join(root, name);
    const files = suites.filter((spec) => packageOf(spec) === name).map((spec) => spec.slice(name.length + 1));
    const report = join(cwd, REPORT);
    rmSync(report, { force: true });
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const args = [vitest, 'run', '--project', 'npm', '--reporter=json', `--outputFile=${report}`, ...files];
    const { status, stderr } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8', timeout: 3_600_000 });
    if (!existsSync(report)) return { passed: false, first: `vitest did not end: ${stderr.slice(0, 300)}` };
    const { numTotalTests, testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report;
    rmSync(report);
    const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
    const failed = tests.find((test) => test.status === 'failed')?.fullName;
    const broken = testResults.find((file) => file.status === 'failed')?.message.split('\n')[0];
    if (status !== 0) return { passed: false, first: failed ?? broken ?? 'an error outside of the tests' };
    if (numTotalTests === 0) throw new Error(`there is no test in ${suites.join(', ')}`);
  }
  return { passed: true };
}

/** Compiles everything, as `npm run typecheck` does. */
export function compile(root: string): Outcome {
  const { status, stdout } = spawnSync('npm', ['run', '--silent', 'typecheck'], { cwd: root, encoding: 'utf8' });
  return status === 0 ? { passed: true } : { passed: false, first: `the compiler: ${stdout.split('\n')[0]}` };
}

/** Writes a text into a file of the tree while `work` runs. */
export function withText<T>(root: string, file: string, text: string, work: () => T): T {
  const path = join(root, file);
  const before = readFileSync(path, 'utf8');
  writeFileSync(path, text);
  try {
    return work();
  } finally {
    writeFileSync(path, before);
  }
}
