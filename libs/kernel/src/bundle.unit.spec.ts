import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BUNDLE, bundleOf, NOTE } from './bundle.ts';

let root: string;
let dist: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'provider-access-bundle-'));
  dist = join(root, 'services/one/dist');
  const note = { entry: 'start-1.js', files: ['start-1.js'], workspaces: ['libs/a', 'services/one'], modules: [] };
  put(`services/one/dist/${BUNDLE}/start-1.js`, '', 10);
  put(`services/one/dist/${BUNDLE}/${NOTE}`, JSON.stringify(note), 10);
});
afterEach(() => rmSync(root, { recursive: true }));

/** @param at seconds since 1970 */
function put(path: string, text: string, at: number): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  utimesSync(join(root, path), at, at);
}
const entry = (): URL => pathToFileURL(join(dist, BUNDLE, 'start-1.js'));

test('a bundle without notes of the compiler beside it is used, as in an image', () => {
  expect(bundleOf(dist)).toEqual(entry());
});

test('a bundle that is newer than all that was compiled is used', () => {
  put('libs/a/dist/lib.tsbuildinfo', '{}', 9);
  put('services/one/dist/lib.tsbuildinfo', '{}', 10);
  expect(bundleOf(dist)).toEqual(entry());
});

test.each(['libs/a', 'services/one'])('a bundle is not used once %s was compiled after it', (workspace) => {
  put(`${workspace}/dist/lib.tsbuildinfo`, '{}', 11);
  expect(bundleOf(dist)).toBeUndefined();
});

test('a bundle that lacks its note, a whole note, or a file is not used', () => {
  rmSync(join(dist, BUNDLE, 'start-1.js'));
  expect(bundleOf(dist)).toBeUndefined();
  put(`services/one/dist/${BUNDLE}/${NOTE}`, '{"entry":', 10);
  expect(bundleOf(dist)).toBeUndefined();
  rmSync(join(dist, BUNDLE), { recursive: true });
  expect(bundleOf(dist)).toBeUndefined();
});
