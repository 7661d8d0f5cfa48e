import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ConfigurationError } from './index.ts';
import { writableFolder } from './folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'writable-folder-'));
const file = join(folder, 'file');
writeFileSync(file, '');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const MAY_NOT = 'name a folder that this process may write';

/** Findings U6 and U16. `e2e/src/start.e2e.spec.ts` shows that a start ends with such a sentence. */
describe('a folder that cannot be written is named with its variable', () => {
  test.each<[string, string, RegExp]>([
    ['a file', file, new RegExp(`^DATA_DIR: the folder ${file} is a file, .*${MAY_NOT}$`)],
    ['below a file', join(file, 'x'), /^DATA_DIR: the folder .* is a file, or is below/],
    ['in /proc', '/proc/x', /^DATA_DIR: the folder \/proc\/x cannot be created there/],
    ['read-only', '/sys/x', /^DATA_DIR: .* (may not be written|is read-only)/],
  ])('%s', (_, path, sentence) => {
    expect(() => writableFolder('DATA_DIR', path)).toThrow(ConfigurationError);
    expect(() => writableFolder('DATA_DIR', path)).toThrow(sentence);
  });
  test('a new one is created', () => {
    writableFolder('DATA_DIR', join(folder, 'new', 'one'));
    expect(() => writableFolder('DATA_DIR', join(folder, 'new', 'one'))).not.toThrow();
  });
});
