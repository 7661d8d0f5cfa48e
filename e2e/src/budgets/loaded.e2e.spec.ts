import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type PlatformProcess, startPlatform } from '@provider-access/cli';
import { BUNDLE, noteOf } from '@provider-access/kernel/bundle';
import { eventually } from '@provider-access/testing';
import { BUDGETS } from '@provider-access/testing/budgets';

/** What a start loads stays in memory, and each garbage collection of the serving thread visits all of its objects. */
interface Loaded {
  readonly modules: number;
  /** URLs of modules that are no package's. */
  readonly own: readonly string[];
  readonly packages: readonly string[];
  /** Whether Node's client for fetch is loaded. */
  readonly fetch: boolean;
  readonly objects: number;
}

const ROOT = join(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'loaded-'));
const file = join(folder, 'loaded.json');
let platform: PlatformProcess | undefined;
let loaded: Loaded;

beforeAll(async () => {
  const counter = pathToFileURL(join(import.meta.dirname, 'loaded.mjs'));
  counter.searchParams.set('file', file);
  platform = await startPlatform({
    dataDir: join(folder, 'data'),
    env: { NODE_OPTIONS: `--import=${counter.href}` },
  });
  process.kill(platform.pid, 'SIGUSR2');
  loaded = await eventually(() => JSON.parse(readFileSync(file, 'utf8')) as Loaded, {
    what: 'the platform reports what it has loaded',
  });
}, 300_000);
afterAll(async () => {
  await platform?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('a standalone that has started has loaded few modules', () => {
  expect(loaded.modules).toBeLessThanOrEqual(BUDGETS.modulesOfAStandalone.most);
});

it('a standalone loads its own modules from its bundle, and none beside it once more', () => {
  const note = noteOf(join(ROOT, 'services/standalone/dist'))!;
  const ofBundle = new Set(note.files.map((file) => `services/standalone/dist/${BUNDLE}/${file}`));
  const own = loaded.own.map((url) => relative(ROOT, fileURLToPath(url)));
  expect(own.filter((file) => ofBundle.has(file))).toContain(`services/standalone/dist/${BUNDLE}/${note.entry}`);
  expect(own.filter((file) => !ofBundle.has(file)).sort()).toEqual([
    'libs/kernel/dist/bundle.js',
    'libs/process/dist/without-fetch.js',
    'services/standalone/dist/main.js',
  ]);
  expect(note.modules).not.toContain('libs/process/dist/without-fetch.js');
});

it('a standalone that has started has few live objects', () => {
  expect(loaded.objects).toBeLessThanOrEqual(BUDGETS.objectsOfAStandalone.most);
});

it('a standalone loads nothing that only other deployments use, and no client for fetch', () => {
  const unused = /^(?:ajv|ajv-formats|fast-uri|openid-client|oauth4webapi|mongodb|kafkajs|@kafkajs|@aws-sdk|@smithy)/;
  expect(loaded.packages.filter((name) => unused.test(name) || /^@opentelemetry\/(?!api$)/.test(name))).toEqual([]);
  expect(loaded.packages).toContain('fastify');
  expect(loaded.fetch).toBe(false);
});

it.each(['attribution', 'auth', 'consent', 'export', 'resources'])(
  '%s loads its modules after it has left out fetch',
  (name) => {
    const main = readFileSync(join(import.meta.dirname, `../../../services/${name}/src/main.ts`), 'utf8');
    const imported = main.split('\n').filter((line) => line.startsWith('import '));
    expect(imported).toEqual(["import '@provider-access/process/without-fetch';"]);
  },
);
