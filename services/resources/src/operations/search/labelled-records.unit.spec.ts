import { beforeEach, describe, expect, it } from 'vitest';
import { LabelledRecords } from './labelled-records.ts';

const KEYS = ['_security'];
const TYPE = 'Condition';

describe('the labelled records of a member and type', () => {
  let generation: number | undefined;
  let asked: number;
  let change: (() => void) | undefined;
  const index = {
    generation: () => generation,
    find: async () => {
      asked += 1;
      const label = `label-${asked}`;
      change?.();
      return [{ _id: `m1/${TYPE}/c1`, search: { labels: [label] } }];
    },
  };
  beforeEach(() => {
    generation = 1;
    asked = 0;
    change = undefined;
  });
  const labelled = new LabelledRecords();
  const labelOf = async (named: string | undefined, of: { member?: string; type?: string; keys?: string[] } = {}) => {
    const [record] = await labelled.of(index, { keys: KEYS, member: 'm1', type: TYPE, ...of }, named);
    expect(record).toMatchObject({ id: `m1/${TYPE}/c1`, member: 'm1' });
    return record!.labels[0];
  };

  it('come from memory for the same patient, member, type and keys', async () => {
    const first = ['label-1', 'label-1'];
    expect([await labelOf('p1'), await labelOf('p1')]).toEqual(first);
    expect(await labelOf('p2')).toBe('label-2');
    expect(await labelOf('p1', { member: '-' })).toBe('label-3');
    expect(await labelOf('p1', { type: 'Observation' })).toBe('label-4');
    expect(await labelOf('p1')).toBe('label-1');
    expect(await labelOf('p1', { keys: ['_security'] })).toBe('label-5');
  });

  it('come from the index after a change of it, and where only a query tells', async () => {
    expect(await labelOf('p1')).toBe('label-1');
    generation = 2;
    expect([await labelOf('p1'), await labelOf('p1')]).toEqual(['label-2', 'label-2']);
    generation = undefined;
    expect([await labelOf('p1'), await labelOf('p1')]).toEqual(['label-3', 'label-4']);
    expect([await labelOf(undefined), await labelOf(undefined)]).toEqual(['label-5', 'label-6']);
  });

  it('are not remembered if the index changes while it is asked', async () => {
    generation = 3;
    change = () => (generation = 4);
    expect(await labelOf('p1')).toBe('label-1');
    change = undefined;
    expect(await labelOf('p1')).toBe('label-2');
  });

  it('are not remembered for later searches if one of them has asked meanwhile', async () => {
    let later: Promise<string | undefined> | undefined;
    generation = 5;
    change = () => {
      change = undefined;
      generation = 6;
      later = labelOf('p1');
    };
    expect(await labelOf('p1')).toBe('label-1');
    expect(await later).toBe('label-2');
    expect(await labelOf('p1')).toBe('label-2');
  });

  it('are not remembered for a patient with a long id, and forgotten if there are many', async () => {
    const long = 'p'.repeat(129);
    expect([await labelOf(long), await labelOf(long)]).toEqual(['label-1', 'label-2']);
    expect(await labelOf('p1')).toBe('label-3');
    for (let n = 0; n < 50_001; n++) await labelOf(`other-${n}`);
    expect(await labelOf('p1')).toBe(`label-${asked}`);
  });
});
