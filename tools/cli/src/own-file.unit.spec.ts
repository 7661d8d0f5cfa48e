import {
  closeSync,
  linkSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openOwn } from './own-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'provider-access-own-'));
  writeFileSync(at('precious'), 'precious');
});
afterEach(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const put = (file: string, text: string): void => {
  const descriptor = openOwn(file);
  writeSync(descriptor, text);
  closeSync(descriptor);
};

test('a new file, and one that replaces another, are for their owner alone', () => {
  put(at('new'), 'one');
  expect([readFileSync(at('new'), 'utf8'), statSync(at('new')).mode & 0o777]).toEqual(['one', 0o600]);
  writeFileSync(at('old'), 'a longer text', { mode: 0o666 });
  put(at('old'), 'two');
  expect([readFileSync(at('old'), 'utf8'), statSync(at('old')).mode & 0o777]).toEqual(['two', 0o600]);
});

test.each(['precious', 'nothing'])('a symbolic link to %s is refused, and what it leads to stays (N9)', (target) => {
  symlinkSync(target, at('link'));
  expect(() => openOwn(at('link'))).toThrow('link is a symbolic link, which pa does not follow');
  expect(readFileSync(at('precious'), 'utf8')).toBe('precious');
  expect(lstatSync(at('nothing'), { throwIfNoEntry: false })).toBeUndefined();
  expect(lstatSync(at('link')).isSymbolicLink()).toBe(true);
});

test('a hard link to another file is replaced, and the other file stays (N9)', () => {
  linkSync(at('precious'), at('twin'));
  put(at('twin'), 'rows');
  expect([readFileSync(at('precious'), 'utf8'), readFileSync(at('twin'), 'utf8')]).toEqual(['precious', 'rows']);
});

test('a device stays one, also behind a link: nothing in it could be lost', () => {
  symlinkSync('/dev/null', at('null'));
  for (const file of ['/dev/null', at('null')]) put(file, 'rows');
  expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
});

test('a folder, and a place that does not exist, are named', () => {
  expect(() => openOwn(folder)).toThrow(/provider-access-own-\S* cannot be written/);
  expect(() => openOwn(at('no/file'))).toThrow('no/file cannot be written (ENOENT)');
});
