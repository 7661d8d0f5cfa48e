import { readdirSync, readFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { ESLint } from 'eslint';
import { beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const projects = ['libs', 'services'].flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`)).filter((dir) => existsSync(join(root, dir, 'package.json')));

describe('the import table', () => {
  let eslint: ESLint;
  beforeAll(() => {
    process.env['NX_DAEMON'] = 'false';
    eslint = new ESLint({ cwd: root });
  });
  const breaches = async (file: string, code: string): Promise<string[]> => (await eslint.lintText(code, { filePath: join(root, file) }))[0]!.messages.map((m) => m.ruleId ?? '');

  test('is a table and not a wildcard', async () => {
    const { importTable } = (await import(join(root, 'eslint.config.mjs'))) as { importTable: { sourceTag: string; onlyDependOnLibsWithTags: string[] }[] };
    expect(importTable.map((row) => row.sourceTag).sort()).toEqual(['contract', 'e2e', 'platform', 'pure', 'runner', 'service', 'tool'].map((t) => `layer:${t}`));
    for (const row of importTable) expect(row.onlyDependOnLibsWithTags.every((tag) => /^layer:[a-z]+$/.test(tag))).toBe(true);
    for (const dir of projects) {
      const { nx } = JSON.parse(readFileSync(join(root, dir, 'package.json'), 'utf8')) as { nx?: { tags?: string[] } };
      expect(nx?.tags, dir).toHaveLength(1);
      expect(importTable.map((row) => row.sourceTag)).toContain(nx!.tags![0]);
    }
  });

  test.each([
    ['libs/fhir/src/x.ts', '@provider-access/views', 'a pure lib may not import a platform lib'],
    ['services/auth/src/x.ts', '@provider-access/export', 'a service may not import a service'],
    ['libs/views/src/x.ts', '@provider-access/synthetic', 'a platform lib may not import a tool'],
    ['libs/cli/src/x.ts', '@provider-access/views', 'a tool speaks HTTP'],
  ])('%s may not import %s: %s', async (file, name) => {
    expect(await breaches(file, `import * as x from '${name}';\nexport const y = x;\n`)).toContain('@nx/enforce-module-boundaries');
  });

  test('engines are known in their own folders only', async () => {
    const code = "import { DatabaseSync } from 'node:sqlite';\nexport const y = DatabaseSync;\n";
    expect(await breaches('libs/views/src/x.ts', code)).toContain('no-restricted-imports');
    expect(await breaches('libs/views/src/embedded/x.ts', code)).not.toContain('no-restricted-imports');
  });
});

describe('READMEs', () => {
  test.each(projects)('%s has one of 40 lines at most', (dir) => {
    const lines = readFileSync(join(root, dir, 'README.md'), 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(40);
  });
});
