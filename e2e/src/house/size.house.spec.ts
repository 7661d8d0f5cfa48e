import { join } from 'node:path';
import { MAX_FILE, MAX_FUNCTION, measure, workingTree } from '@provider-access/maintenance';
import { describe, expect, test } from 'vitest';

describe('product code', () => {
  const { files, functions } = measure(workingTree(join(import.meta.dirname, '../../..')));

  test(`has no file above ${MAX_FILE} lines`, () => {
    expect(files.length).toBeGreaterThan(500);
    expect(files.filter(({ lines }) => lines > MAX_FILE)).toEqual([]);
  });

  test(`has no function above ${MAX_FUNCTION} lines`, () => {
    expect(functions.length).toBeGreaterThan(3000);
    expect(functions.filter(({ lines }) => lines > MAX_FUNCTION)).toEqual([]);
  });
});
