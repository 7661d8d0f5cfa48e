import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FAULTS, plant } from '@provider-access/maintenance';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const read = (file: string): string | undefined =>
  existsSync(join(ROOT, file)) ? readFileSync(join(ROOT, file), 'utf8') : undefined;
const all = Object.values(FAULTS).flat();

describe('the faults of `npm run faults`', () => {
  test('are at least ten for each declaration, each with its own name', () => {
    for (const [declaration, { length }] of Object.entries(FAULTS))
      expect(length, declaration).toBeGreaterThanOrEqual(10);
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  });

  // Whoever moves the code of a fault adds a form of it for the new place, or says that the compiler refuses it there.
  test.each(all.map((fault) => [fault.id, fault] as const))('%s can be planted in this code', (_, fault) => {
    expect(plant(fault, read).file).toContain('/src/');
  });
});
