import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type PlatformProcess, startPlatform } from '@provider-access/cli';
import { BUNDLE, noteOf } from '@provider-access/kernel/bundle';
import { eventually } from '@provider-access/testing';
import { BUDGETS } from '@provider-access/testing/budgets';
import { memberOf } from '../payers.ts';
import { findGroup, http, kickOff, payerEvent, publishAll, registerApp, sealed, texts } from '../road.ts';

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

async function report({ pid }: PlatformProcess): Promise<Loaded> {
  rmSync(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  return eventually(() => JSON.parse(readFileSync(file, 'utf8')) as Loaded, {
    what: 'the platform reports what it has loaded',
  });
}

beforeAll(async () => {
  const counter = pathToFileURL(join(import.meta.dirname, 'loaded.mjs'));
  counter.searchParams.set('file', file);
  platform = await startPlatform({
    dataDir: join(folder, 'data'),
    env: { NODE_OPTIONS: `--import=${counter.href}` },
  });
  loaded = await report(platform);
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

// Such a module would be read while requests wait, and no count above would have it.
it('a standalone that has started loads no module for events, a search, a read and an export', async () => {
  const npi = '1234567893';
  await publishAll(platform!, [
    payerEvent('payer.network-status-changed.v1', npi, { npi, status: 'in-network', from: '2020-01-01' }),
    ...memberOf('loaded', { npi }),
  ]);
  const token = await (await registerApp(platform!, { name: 'Loaded', npi })).tokens.get();
  const { id } = await findGroup(platform!, token, npi);
  for (const path of ['Patient?_id=loaded', 'Patient/loaded'])
    expect((await http(`${platform!.base}/fhir/${path}`, { token })).status).toBe(200);
  const files = await texts(await sealed(await kickOff(platform!, token, id), token), token);
  expect(files.get('Patient')).toContain('"loaded"');
  const later = await report(platform!);
  expect(later.own.filter((url) => !loaded.own.includes(url))).toEqual([]);
  expect(later.packages.filter((name) => !loaded.packages.includes(name))).toEqual([]);
  expect(later.modules).toBe(loaded.modules);
});

it.each(['attribution', 'auth', 'consent', 'export', 'resources'])(
  '%s loads its modules after it has left out fetch',
  (name) => {
    const main = readFileSync(join(import.meta.dirname, `../../../services/${name}/src/main.ts`), 'utf8');
    const imported = main.split('\n').filter((line) => line.startsWith('import '));
    expect(imported).toEqual(["import '@provider-access/process/without-fetch';"]);
  },
);
