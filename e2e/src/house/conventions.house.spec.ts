import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ESLint } from 'eslint';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const projects = ['libs', 'tools', 'services']
  .flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`))
  .filter((dir) => existsSync(join(root, dir, 'package.json')));

describe('the import table', () => {
  let eslint: ESLint;
  beforeAll(() => {
    process.env['NX_DAEMON'] = 'false';
    eslint = new ESLint({ cwd: root });
  });
  const breaches = async (file: string, code: string): Promise<string[]> =>
    (await eslint.lintText(code, { filePath: join(root, file) }))[0]!.messages.map((m) => m.ruleId ?? '');

  test('is a table and not a wildcard', async () => {
    const { importTable } = (await import(join(root, 'eslint.config.mjs'))) as {
      importTable: { sourceTag: string; onlyDependOnLibsWithTags: string[] }[];
    };
    expect(importTable.map((row) => row.sourceTag).sort()).toEqual(
      ['contract', 'e2e', 'files', 'platform', 'proof', 'pure', 'runner', 'sandbox', 'service', 'tool'].map(
        (t) => `layer:${t}`,
      ),
    );
    for (const row of importTable)
      expect(row.onlyDependOnLibsWithTags.every((tag) => /^layer:[a-z]+$/.test(tag))).toBe(true);
    for (const dir of projects) {
      const { nx } = JSON.parse(readFileSync(join(root, dir, 'package.json'), 'utf8')) as { nx?: { tags?: string[] } };
      expect(nx?.tags, dir).toHaveLength(1);
      expect(importTable.map((row) => row.sourceTag)).toContain(nx!.tags![0]);
    }
  });

  test.each([
    ['libs/fhir/src/x.ts', '@provider-access/engines/views', 'a pure lib may not import a platform lib'],
    ['services/auth/src/x.ts', '@provider-access/export', 'a service may not import a service'],
    ['libs/engines/src/views/x.ts', '@provider-access/synthetic', 'a platform lib may not import a tool'],
    ['tools/cli/src/x.ts', '@provider-access/engines/views', 'a tool speaks HTTP'],
  ])('%s may not import %s: %s', async (file, name) => {
    expect(await breaches(file, `import * as x from '${name}';\nexport const y = x;\n`)).toContain(
      '@nx/enforce-module-boundaries',
    );
  });

  test('engines are known in their own folders only', async () => {
    const code = "import { DatabaseSync } from 'node:sqlite';\nexport const y = DatabaseSync;\n";
    expect(await breaches('libs/engines/src/views/x.ts', code)).toContain('no-restricted-imports');
    expect(await breaches('libs/engines/src/views/embedded/x.ts', code)).not.toContain('no-restricted-imports');
  });
});

describe('a test that waits', () => {
  const eslint = new ESLint({ cwd: root });
  const breaches = async (code: string, file = 'libs/engines/src/views/x.spec.ts'): Promise<number> =>
    (await eslint.lintText(`${code}\nexport {};\n`, { filePath: join(root, file) }))[0]!.messages.filter(
      (m) => m.ruleId === 'no-restricted-syntax',
    ).length;

  test.each([
    'await vi.waitFor(() => look());',
    'await vi.waitUntil(() => look(), { timeout: 60_000 });',
    'await expect.poll(() => look(), { timeout: 5000 }).toBe(1);',
    'await eventually(() => look(), { timeout: 10_000 });',
    'await new Promise((resolve) => setTimeout(resolve, 20));',
    'await new Promise<void>((resolve) => { setTimeout(resolve, 20); });',
    'await new Promise(function (resolve) { setTimeout(resolve, 20); });',
    "import { setTimeout } from 'node:timers/promises';",
    "import { setTimeout as sleep } from 'timers/promises';",
  ])('may not say %s', async (code) => {
    for (const file of [
      'libs/engines/src/views/x.spec.ts',
      'libs/engines/src/views/contract/x.ts',
      'services/auth/test/x.ts',
      'e2e/src/x.e2e.spec.ts',
    ])
      expect(await breaches(code, file), file).toBe(1);
    expect(await breaches(code, 'libs/engines/src/views/x.ts')).toBe(0);
  });

  test.each([
    'await expect.poll(() => look()).toBe(1);',
    'await expect.poll(() => look(), { timeout: 120_000, interval: 500 }).toBe(1);',
    "await eventually(() => look(), { what: 'the member is visible' });",
    "import { setImmediate as turn } from 'node:timers/promises';",
    'const timer = setTimeout(() => fail(), 20);',
  ])('may say %s', async (code) => {
    expect(await breaches(code)).toBe(0);
  });
});

describe('a test with a double', () => {
  const eslint = new ESLint({ cwd: root });
  const breaches = async (code: string): Promise<number> =>
    (await eslint.lintText(`${code}\nexport {};\n`, { filePath: join(root, 'libs/engines/src/blob/x.spec.ts') }))[0]!
      .messages.length;

  // A spec that shares the modules of its process got the real calls, or left its doubles to others, by their order.
  test.each(["vi.mock('./x.ts');", "vi.doMock('./x.ts', () => ({}));", "vi.unmock('./x.ts');", 'vi.resetModules();'])(
    'may not say %s',
    async (code) => {
      expect(await breaches(code)).toBe(1);
    },
  );
  test.each(["vi.spyOn(CALLS, 'fsync');", 'vi.mocked(CALLS.fsync);', 'vi.restoreAllMocks();'])(
    'may say %s',
    async (code) => {
      expect(await breaches(code)).toBe(0);
    },
  );
});

describe('a test that looks for a text which must not be there', () => {
  const eslint = new ESLint({ cwd: root });
  const breaches = async (code: string): Promise<number> =>
    (await eslint.lintText(`${code}\nexport {};\n`, { filePath: join(root, 'services/auth/src/x.spec.ts') }))[0]!
      .messages.length;

  // Two characters occur in one sealed link of 25, so such a test fails by chance.
  test.each([
    "expect(link).not.toContain('m1');",
    'expect(link).not.toMatch(/m1/);',
    'expect(link).not.toMatch(/patient|m1|family/);',
    'expect(link).not.toMatch(/patient|c[123]/);',
    'expect(link).not.toMatch(/<script|m2\\b/);',
  ])('may not say %s', async (code) => {
    expect(await breaches(`const link = '';\n${code}`)).toBe(1);
  });
  test.each([
    'expect(link).not.toContain(\'"m1"\');',
    'expect(link).not.toMatch(/patient|"m1"|\\b(c1|c2)\\b/);',
    'expect(link).not.toMatch(/[SLOIBZ]/);',
    "expect(list).toEqual(expect.not.arrayContaining(['m1']));",
  ])('may say %s', async (code) => {
    expect(await breaches(`const [link, list] = ['', ['']];\n${code}\nlist.push(link);`)).toBe(0);
  });
});

describe('a class', () => {
  const eslint = new ESLint({ cwd: root });
  const breaches = async (code: string): Promise<number> =>
    (await eslint.lintText(code, { filePath: join(root, 'services/auth/src/x.ts') }))[0]!.messages.filter(
      (m) => m.ruleId === 'no-restricted-syntax',
    ).length;

  test.each([
    'export class A { private x = 1; }',
    'export class A { private readonly x: string; constructor(x: string) { this.x = x; } }',
    'export class A { private x(): void {} }',
    'export class A { constructor(readonly x: string) {} }',
    'export const a = new (class { private x = 1; })();',
    '@Injectable() export class A { #x = 1; }',
    '@Injectable() export class A { readonly x: string; constructor(@Inject(X) x: string) { this.x = x; } }',
  ])('may not be %s', async (code) => {
    expect(await breaches(code)).toBe(1);
  });
  test.each([
    'export class A { readonly #x: string; protected y = 1; constructor(x: string) { this.#x = x; } }',
    'export class A { private constructor() {} static make(): A { return new A(); } }',
    '@Injectable() export class A { private y = 1; constructor(@Inject(X) private readonly x: string) {} }',
    '@Injectable() export class A { readonly y: string; constructor(@Inject(X) x: X) { this.y = `${x}`; } }',
  ])('may be %s', async (code) => {
    expect(await breaches(code)).toBe(0);
  });
});

describe('a query of SQLite', () => {
  const eslint = new ESLint({ cwd: root });
  const breaches = async (code: string, file = 'libs/engines/src/views/embedded/x.ts'): Promise<number> =>
    (await eslint.lintText(`export const sql = ${code};\n`, { filePath: join(root, file) }))[0]!.messages.filter(
      (m) => m.ruleId === 'no-restricted-syntax',
    ).length;

  // SQLite 3.54 prepares it again for each execution, so a page took twice the CPU.
  test.each([
    "'SELECT a FROM t WHERE b = ? ORDER BY a'",
    "'SELECT a FROM t WHERE b=1 AND c = ?'",
    "'SELECT a FROM t WHERE b = +?'",
    "'SELECT a FROM t WHERE b == ?'",
    "'SELECT a FROM t WHERE ? = b'",
    "'SELECT a FROM t WHERE b IS ?'",
    "'SELECT a FROM t WHERE b is not ?'",
    "'SELECT a FROM t LIMIT ?'",
    '`SELECT a FROM ${t} WHERE b = ? ORDER BY ${k}`',
    '`${column} = ?`',
    '`${column} ${operator} ?`',
    '`${column} ${operator} +?`',
    "columns.map((c) => c + ' = ?')",
    '`(${id} = ?) AND ${rest}`',
  ])('may not be %s', async (code) => {
    for (const folder of ['views', 'log', 'state'])
      expect(await breaches(code, `libs/engines/src/${folder}/embedded/x.ts`)).toBe(1);
  });
  test.each([
    '`SELECT a FROM t WHERE b = ${VALUE} ${LIMIT}`',
    '`SELECT a FROM t WHERE b >= ? AND b < ?`',
    "'SELECT a FROM t WHERE b IN (?, ?)'",
    "'UPDATE t SET a = ? WHERE b = ?'",
    '`UPDATE ${t} SET a = ? WHERE b = ?`',
    '`DELETE FROM ${t} WHERE a = ?`',
    "'INSERT INTO t VALUES (?, ?)'",
    '(a === undefined ? b : c)',
  ])('may be %s', async (code) => {
    expect(await breaches(code)).toBe(0);
  });
});

describe('a value of a metric', () => {
  const eslint = new ESLint({ cwd: root });
  const breaches = async (code: string, folder: string): Promise<string[]> =>
    (await eslint.lintText(`${code}\nexport {};\n`, { filePath: join(root, folder, 'src/x.ts') }))[0]!.messages.map(
      (m) => m.ruleId ?? '',
    );

  test.each([
    "metrics.count('pa_refusals_total', { reason } as LabelsOf<'pa_refusals_total'>);",
    "metrics?.count('pa_refusals_total', { reason: reason as 'token' });",
    "this.options.metrics.count('pa_refusals_total', { reason: <never>reason }, 2);",
    "metrics.read('pa_view_builds', () => [{ labels: { view: view as never }, value: 1 }]);",
    'const labels = { service } as LabelsOf<Name>;',
    'const reason = text as RefusalReason;',
  ])('may not be cast: %s', async (code) => {
    for (const folder of ['libs/audit', 'services/auth'])
      expect(await breaches(code, folder)).toContain('no-restricted-syntax');
  });
  test.each([
    "metrics.count('pa_refusals_total', { reason: valueIn(REASONS, text) });",
    "metrics.count('pa_refusals_total', { reason: 'token' as const });",
    'const given = streams.set(key as Key);',
  ])('may be %s', async (code) => {
    expect(await breaches(code, 'libs/audit')).not.toContain('no-restricted-syntax');
  });
});

describe('READMEs', () => {
  const folders = ['libs', 'tools', 'services', 'e2e'].map((folder) => `${folder}/*README.md`);
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', ...folders], { cwd: root });
  const readmes = listed.toString().trimEnd().split('\n');

  test('every project has one', () => {
    expect(readmes).toEqual(expect.arrayContaining([...projects, 'e2e'].map((dir) => `${dir}/README.md`)));
  });

  test.each(readmes.filter((file) => existsSync(join(root, file))))('%s has 350 words at most', (file) => {
    const words = readFileSync(join(root, file), 'utf8').match(/\S*\w\S*/g)!;
    expect(words.length).toBeLessThanOrEqual(350);
  });
});

describe('the width of lines (.ci/width.mjs)', () => {
  test('is checked by the lint step', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    expect(scripts['lint']).toContain('npm run --silent format:check &&');
    expect(scripts['format:check']).toContain('&& node .ci/width.mjs');
  });

  test('is 120 characters in each file that git lists; URLs, rows of tables and generated files are free', () => {
    const cwd = mkdtempSync(join(tmpdir(), 'width-'));
    onTestFinished(() => rmSync(cwd, { recursive: true }));
    execFileSync('git', ['init', '--quiet'], { cwd });
    const long = 'x'.repeat(121);
    const write = (file: string, text: string): void => {
      mkdirSync(dirname(join(cwd, file)), { recursive: true });
      writeFileSync(join(cwd, file), text);
    };
    const check = (): object => {
      const { status, stderr } = spawnSync(process.execPath, [join(root, '.ci/width.mjs')], { cwd, encoding: 'utf8' });
      return { status, lines: stderr.split('\n').filter(Boolean) };
    };
    write('free.ts', `${'§'.repeat(120)}\n// https://example.org/${long}`);
    write('free.md', `| ${long} |`);
    write('docs/metrics.md', long);
    write('build/a.ts', long);
    write('.gitignore', 'build/');
    expect(check()).toEqual({ status: 0, lines: [] });
    write('libs/a.ts', `\n${long}`);
    write('charts/a.yaml', long);
    expect(check()).toEqual({
      status: 1,
      lines: ['charts/a.yaml:1: 121 columns; 120 are allowed', 'libs/a.ts:2: 121 columns; 120 are allowed'],
    });
  });
});
