import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { closeToOthers, DataFolderInUse, emptyDataFolder, takeDataFolder } from '../src/data-folder.ts';

const CHILD = fileURLToPath(new URL('./hold-folder.ts', import.meta.url));
let folder: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'data-folder-'));
});
afterEach(async () => {
  await Promise.all(children.splice(0).map(end));
  rmSync(folder, { recursive: true, force: true });
});
async function hold(): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, ['--conditions=@provider-access/source', '--no-warnings', CHILD, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const said = await new Promise<string>((resolve) => createInterface({ input: child.stdout! }).once('line', resolve));
  return { child, said };
}
async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await ended;
}

test('a second process is refused, whatever process id it or the first one seems to have', async () => {
  const first = await hold();
  expect(first.said).toBe('held');
  expect(readFileSync(join(folder, 'lock'), 'utf8')).toBe(String(first.child.pid));
  expect((await hold()).said).toMatch(
    new RegExp(`^DataFolderInUse: .* is in use by process ${first.child.pid} since \\d{4}-\\d\\d-\\d\\dT[\\d:]{8}Z, `),
  );
  // In another PID namespace, the id of the first process may be unknown, or the id of the second process.
  for (const pid of ['999999999', '1', String(process.pid), 'nonsense']) {
    writeFileSync(join(folder, 'lock'), pid);
    expect((await hold()).said).toMatch(/^DataFolderInUse: /);
  }
});

test('the locks of a killed process are free at once, also where another process has its id by now', async () => {
  const first = await hold();
  await end(first.child);
  // This test runs under node, so its id looks like the id of an owner.
  writeFileSync(join(folder, 'lock'), String(process.pid));
  expect((await hold()).said).toBe('held');
});

test('nobody else can read the files of the lock, also where they were open before', async () => {
  writeFileSync(join(folder, 'lock.db'), '', { mode: 0o644 });
  await hold();
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o077, name).toBe(0);
  expect(readdirSync(folder).toSorted()).toEqual(['lock', 'lock.db']);
});

test('what is open to others is closed, and files of somebody else stay as they are', () => {
  const made = ['log.db', 'log.db-wal', 'views.db', 'state.db', 'payer.token', 'page-links.key'];
  // The umask of this process may be the one of a platform that another spec started.
  const make = (name: string, mode: number): void => chmodSync(join(folder, name), mode);
  for (const name of [...made, 'notes.txt']) writeFileSync(join(folder, name), '');
  for (const name of ['files', 'backup']) mkdirSync(join(folder, name));
  for (const name of [...made, 'notes.txt']) make(name, 0o644);
  for (const name of ['files', 'backup', '.']) make(name, 0o755);
  closeToOthers(folder);
  const mode = (name: string): string => (statSync(join(folder, name)).mode & 0o777).toString(8);
  expect(made.map(mode)).toEqual(made.map(() => '600'));
  expect(['.', 'files', 'backup', 'notes.txt'].map(mode)).toEqual(['700', '700', '755', '644']);
});

test('a folder that everybody uses stays open, and its files are closed', () => {
  chmodSync(folder, 0o1777);
  writeFileSync(join(folder, 'log.db'), '');
  chmodSync(join(folder, 'log.db'), 0o644);
  closeToOthers(folder);
  expect([folder, join(folder, 'log.db')].map((path) => (statSync(path).mode & 0o7777).toString(8))).toEqual([
    '1777',
    '600',
  ]);
});

test('an emptied folder keeps its secrets and foreign files, and nobody empties one that a process holds', () => {
  const kept = ['payer.token', 'member-hash.key', 'token-signing-keys.json', 'notes.txt'];
  for (const name of [...kept, 'log.db', 'log.db-wal', 'views.db', 'state.db']) writeFileSync(join(folder, name), '');
  for (const name of ['files', 'sandbox']) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'part'), '');
  }
  const release = takeDataFolder(folder);
  expect(() => emptyDataFolder(folder)).toThrow(DataFolderInUse);
  expect(readdirSync(folder)).toContain('log.db');
  release();
  emptyDataFolder(folder);
  expect(readdirSync(folder).toSorted()).toEqual([...kept, 'lock.db'].toSorted());
});
