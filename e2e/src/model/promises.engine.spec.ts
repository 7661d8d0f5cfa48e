import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Driver, type Operation, printed, sequenceOf } from '@provider-access/testing/promises';
import { variant } from '@provider-access/testing/variant';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IMPOSSIBLE, ProcessWorld } from './process-world.ts';

const SEQUENCES = 20;
/** The roll-out begins with this one and continues during those that follow. */
const ROLLED = 10;
const first = variant.seed * 1000;
const folder = mkdtempSync(join(tmpdir(), 'provider-access-model-'));
let world: ProcessWorld;

beforeAll(async () => {
  world = await ProcessWorld.start(join(folder, 'data'));
});
afterAll(async () => {
  await world?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const sequence = (n: number): readonly Operation[] => {
  const drawn = sequenceOf(first + n, IMPOSSIBLE);
  return n === ROLLED ? [{ op: 'roll-out' }, ...drawn] : drawn;
};

test(`${SEQUENCES} random sequences keep the promises on real processes (seed ${variant.seed})`, async () => {
  for (let n = 0; n < SEQUENCES; n++) {
    const operations = sequence(n);
    const began = performance.now();
    try {
      await new Driver(world, `p${n}`).run(operations);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`sequenceOf(${first + n}), number ${n + 1}: ${why}\n${printed(operations)}`, { cause: error });
    }
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    console.info(`sequence ${n + 1} of ${SEQUENCES}: ${operations.length} operations in ${seconds} s`);
  }
  const retired = await world.rolledOut();
  expect(retired.length).toBeGreaterThan(0);
  expect(retired.filter(({ code }) => code !== 0)).toEqual([]);
}, 3_600_000);
