import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@provider-access/testing';
import { commandsOf, NETWORK, ROOT } from '../tutorials.ts';
import { note, type Row } from './rows.ts';

const PAGE = 'docs/tutorials/provider.md';
/** The sections with `curl` and `openssl`, from the first one to the first files. */
const [FIRST, REST] = ['## 3. ', '## 9. '];

/**
 * The minutes of a newcomer on a machine with an empty home: clone, `npm ci`, `npm start -- --sandbox`, and the
 * commands of the tutorial until the first NDJSON files. Only the time that a person reads and copies is left out.
 */
export async function benchNewcomer(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-newcomer-'));
  const [home, clone, work] = ['home', 'clone', 'work'].map((name) => join(folder, name)) as [string, string, string];
  for (const made of [home, work]) mkdirSync(made);
  const base = `http://127.0.0.1:${await freePort()}`;
  const env = {
    ...NETWORK,
    HOME: home,
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LANG: 'C.UTF-8',
    PORT: new URL(base).port,
    PUBLIC_URL: base,
  };
  /** Runs a script in a group of its own until it ends, or until it prints `ready`. @returns how to end it */
  const run = (script: string, cwd: string, ready?: string): Promise<() => void> =>
    new Promise((resolve, reject) => {
      const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { cwd, env, detached: true });
      let output = '';
      const take = (text: string): void => {
        output += text;
        if (ready !== undefined && output.includes(ready)) resolve(() => void process.kill(-child.pid!, 'SIGTERM'));
      };
      child.stdout.setEncoding('utf8').on('data', take);
      child.stderr.setEncoding('utf8').on('data', take);
      child.once('error', reject).once('close', (code) => {
        if (code === 0 && ready === undefined) resolve(() => undefined);
        else reject(new Error(`${script.slice(0, 200)}\nended with ${code}:\n${output.slice(-2000)}`));
      });
    });
  const rows: Row[] = [];
  const timed = async <T>(what: string, step: () => Promise<T>): Promise<T> => {
    note(what);
    const began = performance.now();
    const result = await step();
    rows.push({ what, value: (performance.now() - began) / 1000, unit: 's' });
    return result;
  };
  const began = performance.now();
  let stop = (): void => undefined;
  try {
    await timed('git clone', () => run(`git clone -q --no-local '${ROOT}' '${clone}'`, folder));
    await timed('npm ci', () => run('npm ci', clone));
    stop = await timed('npm start -- --sandbox, until it is ready', () =>
      run('npm start -- --sandbox', clone, 'sandbox: ready'),
    );
    const page = readFileSync(join(clone, PAGE), 'utf8');
    const commands = commandsOf(page.slice(page.indexOf(FIRST), page.indexOf(REST))).replaceAll(
      'http://127.0.0.1:8080',
      base,
    );
    await timed('the commands of the page until the first files', () => run(commands, work));
    const [patients] = readdirSync(join(work, 'files')).filter((name) => name.startsWith('Patient'));
    const [line] = readFileSync(join(work, 'files', patients!), 'utf8').split('\n');
    if ((JSON.parse(line!) as { resourceType: string }).resourceType !== 'Patient')
      throw new Error(`${patients} has no Patient`);
    const value = (performance.now() - began) / 60_000;
    return [...rows, { what: 'from nothing to the first NDJSON files', value, unit: 'min', aim: '5' }];
  } finally {
    stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
  }
}
