import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeFolder } from './folders.ts';

const top = mkdtempSync(join(tmpdir(), 'folders-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));

test('creates a folder and those above it with the mode, and leaves an existing one as it is', () => {
  const path = join(top, 'a', 'b', 'c');
  makeFolder(path, 0o700);
  expect(statSync(join(top, 'a')).mode & 0o777).toBe(0o700);
  expect(statSync(path).isDirectory()).toBe(true);
  makeFolder(path, 0o755);
  expect(statSync(path).mode & 0o777).toBe(0o700);
});

test.each([
  ['a file', () => join(top, 'file'), 'ENOTDIR'],
  ['below a file', () => join(top, 'file', 'x'), 'ENOTDIR'],
  ['a link to nowhere', () => join(top, 'link'), 'ENOENT'],
  // Node's own function hangs here (finding U16).
  ['a new entry of /proc', () => '/proc/x', 'ENOENT'],
  ['below a new entry of /proc', () => '/proc/x/y', 'ENOENT'],
])('refuses %s', (_, path, code) => {
  writeFileSync(join(top, 'file'), '');
  rmSync(join(top, 'link'), { force: true });
  symlinkSync(join(top, 'nowhere'), join(top, 'link'));
  expect(() => makeFolder(path())).toThrow(expect.objectContaining({ code }));
});
