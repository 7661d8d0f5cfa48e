import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEmbeddedState } from './index.ts';

let dir: string;
beforeAll(() => void (dir = mkdtempSync(join(tmpdir(), 'pa-claims-'))));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('a store of one process writes no claim that only bridges a time', async () => {
  const file = join(dir, 'state.db');
  const rows = (): unknown => {
    const db = new DatabaseSync(file, { readOnly: true });
    const found = db.prepare('SELECT namespace FROM claims').all();
    db.close();
    return found;
  };
  const state = openEmbeddedState({ file });
  const entries = [{ key: 'Condition/c1', owner: 'm1', expiresAt: Date.now() + 60_000 }];
  expect(await state.bridging.claimMany('owner', entries)).toEqual(['m1']);
  expect(rows()).toEqual([]);
  expect(await state.claims.claimMany('stored', entries)).toEqual(['m1']);
  expect(rows()).toEqual([{ namespace: 'stored' }]);
  await state.close();
});
