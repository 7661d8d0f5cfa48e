import { execFile } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');
/** `resolutions.mjs` reads it. `npm ci` removes the folder with the modules. */
const TABLE = join(ROOT, 'node_modules/.cache/provider-access-resolutions.json');
const HOOK = pathToFileURL(join(import.meta.dirname, 'resolutions.mjs'));

/**
 * What decides where a module is: the installed packages and the exports of our own. A relative import names its file,
 * so a build changes none.
 */
function stateOfPackages(): string {
  const own = globSync('{libs,services,tools}/*/package.json', { cwd: ROOT }).sort();
  const files = ['node_modules/.package-lock.json', 'package.json', 'e2e/src/resolutions.mjs', ...own];
  return files.map((file) => `${file} ${statSync(join(ROOT, file), { throwIfNoEntry: false })?.mtimeMs}`).join('\n');
}

function stateOfTable(): string | undefined {
  try {
    return (JSON.parse(readFileSync(TABLE, 'utf8')) as { state: string }).state;
  } catch {
    return undefined;
  }
}

/** What the program of a service imports. The program itself would start. */
function importsOf(main: string): string[] {
  const found = readFileSync(main, 'utf8').matchAll(/(?:from |import\()'([^']+)'/g);
  return [...found].map(([, name]) => (name!.startsWith('.') ? new URL(name!, pathToFileURL(main)).href : name!));
}

/** Set-up of the suites that start the platform: loads the built programs once, and keeps where each import led. */
export async function setup(): Promise<void> {
  const state = stateOfPackages();
  if (stateOfTable() === state) return;
  const mains = globSync(join(ROOT, 'services/*/dist/main.js'));
  const imports = new Set(mains.flatMap(importsOf).filter((name) => !name.startsWith('node:')));
  const own = `${TABLE}.${process.pid}`;
  mkdirSync(dirname(TABLE), { recursive: true });
  const recorder = new URL(HOOK);
  recorder.searchParams.set('record', own);
  const load = [...imports].map((name) => `await import(${JSON.stringify(name)});`).join('\n');
  const args = [`--import=${recorder.href}`, '--input-type=module', '--eval', `${load}\nprocess.exit();`];
  await promisify(execFile)(process.execPath, args, { cwd: ROOT, env: { ...process.env, NODE_OPTIONS: '' } });
  const table = JSON.parse(readFileSync(own, 'utf8')) as object;
  writeFileSync(own, JSON.stringify({ state, table }));
  renameSync(own, TABLE);
}
