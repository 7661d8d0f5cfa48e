import { existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { placeWorkspace } from './own-packages.ts';
import { isRun, placePackage } from './third-party.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'image-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}
const app = (): string => join(folder, 'app');
const has = (path: string): boolean => existsSync(join(app(), path));
const located = (path: string): Parameters<typeof placePackage>[2] => ({ path, entry: {}, dependsOn: [] });

describe('a package of ours', () => {
  const manifest = JSON.stringify({
    name: '@x/one',
    version: '0.1.0',
    private: true,
    type: 'module',
    scripts: { test: 'vitest' },
    devDependencies: { vitest: '1' },
    exports: {
      '.': { '@x/source': './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' },
      './contract': { default: './dist/contract/index.js' },
    },
  });
  const sources = {
    'libs/one/package.json': manifest,
    'libs/one/src/index.ts': '',
    'libs/one/src/index.unit.spec.ts': '',
    'libs/one/src/contract/index.ts': '',
    'libs/one/src/table.json': '{}',
  };
  const built = {
    'libs/one/dist/index.js': "export * from './table.json';",
    'libs/one/dist/index.d.ts': '',
    'libs/one/dist/index.js.map': '',
    'libs/one/dist/removed-long-ago.js': '',
    'libs/one/dist/contract/index.js': '',
    'libs/one/dist/table.json': '{}',
  };

  test('brings what was built of its sources, and nothing for tests, of types, or of an earlier build', () => {
    put({ ...sources, ...built });
    placeWorkspace(folder, app(), located('libs/one'));
    expect(['dist/index.js', 'dist/table.json', 'package.json'].filter((file) => !has(`libs/one/${file}`))).toEqual([]);
    expect(
      ['src', 'dist/index.d.ts', 'dist/index.js.map', 'dist/removed-long-ago.js', 'dist/contract'].filter((file) =>
        has(`libs/one/${file}`),
      ),
    ).toEqual([]);
    expect(readlinkSync(join(app(), 'node_modules/@x/one'))).toBe('../../libs/one');
    expect(JSON.parse(readFileSync(join(app(), 'libs/one/package.json'), 'utf8'))).toEqual({
      name: '@x/one',
      version: '0.1.0',
      type: 'module',
      exports: { '.': { default: './dist/index.js' } },
    });
  });
  test('that is not built is reported', () => {
    put(sources);
    expect(() => placeWorkspace(folder, app(), located('libs/one'))).toThrow(
      'libs/one/dist/index.js is not built: run `npm run build` there first',
    );
  });
  test('that needs what is left out stops the layout', () => {
    put({ ...sources, ...built, 'libs/one/dist/index.js': "import './contract/index.js';" });
    expect(() => placeWorkspace(folder, app(), located('libs/one'))).toThrow(
      "libs/one/dist/index.js needs dist/contract/index.js, which is left out as a test's",
    );
  });
});

describe('a package of others', () => {
  test('keeps programs, data and what its licence asks for', () => {
    for (const path of [
      'index.js',
      'lib/test/loader.js',
      'data/tables.json',
      'LICENSE',
      'LICENSE.md',
      'NOTICE',
      'native.node',
      'schema.proto',
    ])
      expect(isRun(path), path).toBe(true);
  });
  test('brings no types, maps, sources, pages, settings or specs', () => {
    for (const path of [
      'index.d.ts',
      'src/index.ts',
      'index.js.map',
      'README.md',
      '.eslintrc',
      'lib/a.test.js',
      'lib/a.spec.mjs',
      'tsconfig.tsbuildinfo',
      '.github.yml',
    ])
      expect(isRun(path), path).toBe(false);
    put({
      'node_modules/two/index.js': '',
      'node_modules/two/test/index.js': '',
      'node_modules/two/examples/a.js': '',
      'node_modules/two/node_modules/three/index.js': '',
      'node_modules/two/lib/test/needed.js': '',
    });
    placePackage(folder, app(), located('node_modules/two'));
    expect(['index.js', 'lib/test/needed.js'].every((file) => has(`node_modules/two/${file}`))).toBe(true);
    expect(['test', 'examples', 'node_modules'].some((file) => has(`node_modules/two/${file}`))).toBe(false);
  });
  test('that is not installed is reported', () => {
    expect(() => placePackage(folder, app(), located('node_modules/gone'))).toThrow(
      'node_modules/gone is not installed: run `npm ci` there first',
    );
  });
});
