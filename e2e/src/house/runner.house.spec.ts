import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/**
 * The runners of `.ci` decide whether a change lands, so what they report is tested with specs whose outcome is known.
 */
const ROOT = join(import.meta.dirname, '../../..');
interface Counted {
  passed: number;
  failed: number;
  restored: number;
  failures: { label: string; message: string }[];
  skipped: string[];
  silent: string[];
  flaky: { file: string; message: string }[];
  cpu: Record<string, number>;
}
const report = (await import(join(ROOT, '.ci/report.mjs'))) as {
  count(dirs: string[], suite: string, run?: string): Counted;
  projects: string[];
  specs(kind: string): (dir: string) => string[];
  withTarget(target: string): string[];
  limitFlaky(counted: Counted): Counted;
  sum(counts: Counted[]): Counted;
};

const SPECS = {
  passes: "import { test } from 'vitest'; test('passes', () => {});",
  skips: "import { test } from 'vitest'; test.skip('is skipped (no camel is here)', () => {});",
  fails: "import { expect, test } from 'vitest'; test('fails', () => { expect('a camel').toBe('a horse'); });",
  hook:
    "import { beforeAll, test } from 'vitest'; beforeAll(() => { throw new Error('no world'); }); test('never " +
    "runs', () => {});",
  unhandled:
    "import { test } from 'vitest'; test('passes', () => { void Promise.reject(new Error('nobody waits for " +
    "this')); });",
  once:
    "import { existsSync, writeFileSync } from 'node:fs'; import { test } from 'vitest'; test('fails once', () => " +
    "{ if (existsSync('ran')) return; writeFileSync('ran', ''); throw new Error('the first time'); });",
  again: "import { expect, test } from 'vitest'; test('fails too', () => { expect(1).toBe(2); });",
};

describe('a suite and its report', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'provider-access-suite-'));
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (
    names: readonly (keyof typeof SPECS)[],
    secondChance = false,
  ): { code: number | null; counted: Counted } => {
    const project = mkdtempSync(join(folder, 'project-'));
    mkdirSync(join(project, 'src'));
    writeFileSync(
      join(project, 'vitest.config.mjs'),
      `import { configure } from ${JSON.stringify(join(ROOT, '.ci/vitest.base.mjs'))};\nexport default configure();\n`,
    );
    for (const name of names) writeFileSync(join(project, `src/${name}.unit.spec.ts`), SPECS[name]);
    const { status } = spawnSync(process.execPath, [join(ROOT, '.ci/suite.mjs'), 'npm'], {
      cwd: project,
      encoding: 'utf8',
      env: {
        ...process.env,
        PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env['PATH']}`,
        TEST_RUN_ID: 'this run',
        VITEST: '',
        SECOND_CHANCE: String(secondChance),
      },
    });
    return { code: status, counted: report.count([project], 'npm', 'this run') };
  };

  test('counts what passed, failed and was skipped, and says why', () => {
    // Without a second chance, a file that fails once has failed.
    const { code, counted } = run(['passes', 'skips', 'fails', 'hook', 'once']);
    expect(code).toBe(1);
    expect(counted).toMatchObject({ passed: 1, failed: 3, restored: 0, flaky: [], silent: [] });
    expect(counted.skipped).toEqual(expect.arrayContaining([expect.stringContaining('is skipped (no camel is here)')]));
    expect(counted.failures.map(({ message }) => message).join('\n')).toMatch(
      /a horse[^]*no world|no world[^]*a horse/,
    );
    expect(Object.values(counted.cpu)).toEqual([expect.any(Number)]);
  });

  test('an error that no test reports is a failure', () => {
    const { code, counted } = run(['unhandled']);
    expect(code).toBe(1);
    expect(counted).toMatchObject({ passed: 1, failed: 1 });
  });

  test('a suite without specs and a suite without a report are failures', () => {
    const { code, counted } = run([]);
    expect(code).toBe(1);
    expect(counted.failed).toBeGreaterThan(0);
    expect(report.count([join(folder, 'nowhere')], 'npm')).toMatchObject({
      passed: 0,
      failed: 1,
      silent: [expect.stringContaining('nowhere')],
    });
  });

  test('results of another run are counted as restored', () => {
    const project = mkdtempSync(join(folder, 'restored-'));
    const text = JSON.stringify({
      run: 'an earlier run',
      cpuSeconds: 5,
      testResults: [
        { name: join(project, 'a.spec.ts'), status: 'passed', assertionResults: [{ status: 'passed', fullName: 'a' }] },
      ],
    });
    writeFileSync(join(project, 'test-report.npm.json'), text);
    expect(report.count([project], 'npm', 'this run')).toMatchObject({ passed: 1, restored: 1, cpu: {} });
  });

  test('with a second chance, a file that passes alone is flaky, and its suite is not cached', () => {
    const { code, counted } = run(['passes', 'once', 'fails'], true);
    // Nx caches a result with exit code 0.
    expect(code).toBe(1);
    expect(counted).toMatchObject({ passed: 2, failed: 1 });
    expect(counted.flaky).toEqual([
      {
        file: expect.stringContaining('once.unit.spec.ts') as string,
        message: expect.stringContaining('the first time') as string,
      },
    ]);
  });

  test('many failed files are broken, and get no second chance', () => {
    const { counted } = run(['once', 'fails', 'hook', 'again'], true);
    expect(counted).toMatchObject({ passed: 0, failed: 4, flaky: [] });
  });

  test('more than two flaky files fail the run', () => {
    const flaky = (n: number): Counted => ({
      ...report.sum([]),
      flaky: Array.from({ length: n }, (_, i) => ({ file: `${i}`, message: '' })),
    });
    expect(report.limitFlaky(flaky(2)).failed).toBe(0);
    expect(report.limitFlaky(flaky(3)).failed).toBe(1);
  });
});

describe('the last lines of .ci/run', () => {
  const summary = (logs: readonly string[], ...steps: string[]): { code: number | null; lines: string[] } => {
    const folder = mkdtempSync(join(tmpdir(), 'provider-access-summary-'));
    try {
      const files = logs.map((text, i) => {
        writeFileSync(join(folder, `log${i}`), text);
        return join(folder, `log${i}`);
      });
      const { status, stdout } = spawnSync(
        process.execPath,
        [join(ROOT, '.ci/summary.mjs'), ...files, '--', ...steps],
        { encoding: 'utf8' },
      );
      return { code: status, lines: stdout.trimEnd().split('\n') };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  const log = (passed: number, failed: number, flaky = 0): string =>
    `noise\n${flaky} flaky, 3 results restored from the cache\n${passed} passed, ${failed} failed\n`;

  test('add up what the runners counted', () => {
    const { code, lines } = summary([log(10, 0, 1), log(5, 0)]);
    expect(lines).toEqual(['1 flaky, 6 results restored from the cache', '15 passed, 0 failed']);
    expect(code).toBe(0);
  });

  test.each([
    ['a runner failed', [log(10, 2), log(5, 0)], [], '15 passed, 2 failed'],
    ['a step without a count failed', [log(10, 0), log(5, 0)], ['type check and lint'], '15 passed, 1 failed'],
    ['a runner ended without a count', [log(10, 0), 'killed'], [], '10 passed, 1 failed'],
  ])('fail when %s', (_, logs, steps, last) => {
    const { code, lines } = summary(logs, ...steps);
    expect(lines.at(-1)).toBe(last);
    expect(code).toBe(1);
  });
});

describe('npm run test:long', () => {
  const run = (...args: string[]): { status: number | null; stderr: string } =>
    spawnSync(process.execPath, ['--conditions=@provider-access/source', join(ROOT, '.ci/test-long.mjs'), ...args], {
      encoding: 'utf8',
    });

  test('runs every suite that is declared as a long one, and names them where it is asked for another', () => {
    const files = globSync(['.ci/vitest.base.mjs', '{libs,services,tools,e2e}/{*/,}vitest.config.mjs'], { cwd: ROOT });
    const declared = files.flatMap((file) =>
      [...readFileSync(join(ROOT, file), 'utf8').matchAll(/longSuite\(\s*'([\w-]+)'/g)].map(([, name]) => name!),
    );
    expect(declared.length).toBeGreaterThan(10);
    const { status, stderr } = run('nothing');
    expect(status).toBe(1);
    const listed = /^There is no long suite nothing\. Suites: (.*)\.$/m.exec(stderr)![1]!.split(', ');
    expect(listed.toSorted()).toEqual([...new Set(declared)].toSorted());
  });
});

describe('a spec', () => {
  test.each([
    ['unit', 'test'],
    ['int', 'test'],
    ['engine', 'test-engines'],
    ['program', 'test-programs'],
    ['world', 'test-world'],
    ['house', 'test-house'],
  ])('of the kind %s is in a package that has `%s`', (kind, target) => {
    const running = report.withTarget(target);
    const idle = report.projects.filter((dir) => !running.includes(dir)).flatMap(report.specs(kind));
    expect(idle).toEqual([]);
  });
});
