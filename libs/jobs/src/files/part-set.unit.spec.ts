import type { Blobs } from '@provider-access/engines/blob';
import { expect, it } from 'vitest';
import { SegmentBuilder } from '../segments/index.ts';
import { PartSet } from './part-set.ts';

const TYPES = ['Claim', 'Condition', 'Coverage', 'Encounter', 'Observation', 'Patient', 'Procedure'];
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Blobs that note what happens to them, and fail where a test says so. */
function noted(fails: (name: string) => boolean = () => false) {
  const notes: string[] = [];
  let [running, most] = [0, 0];
  const commit = async (name: string): Promise<{ name: string; bytes: number }> => {
    most = Math.max(most, (running += 1));
    await turn();
    running -= 1;
    if (fails(name)) throw new Error(`no ${name}`);
    notes.push(name);
    return { name, bytes: 0 };
  };
  const blobs = {
    writer: (name: string) =>
      Promise.resolve({
        write: () => Promise.resolve(),
        commit: () => commit(name),
        abort: () => Promise.resolve(void notes.push(`abort ${name}`)),
      }),
    put: (name: string) => commit(name),
  } as unknown as Blobs;
  return { blobs, notes, running: () => running, most: () => most };
}
async function write(parts: PartSet): Promise<void> {
  for (const type of TYPES) {
    const segments = new SegmentBuilder();
    segments.add(Buffer.from(JSON.stringify({ resourceType: type })));
    await parts.add('output', type, ['m1'], segments.end()!);
  }
}

it('finishes all parts at once, each index after its part', async () => {
  const { blobs, notes, most } = noted();
  const parts = new PartSet(blobs, 'p/', '0');
  const written = await parts.written(() => write(parts));
  expect(written.map(({ type }) => type)).toEqual(TYPES);
  expect(most()).toBe(TYPES.length);
  expect(notes.toSorted()).toEqual(TYPES.flatMap((type) => [`p/${type}-0.index`, `p/${type}-0.part`]));
  for (const type of TYPES) expect(notes.indexOf(`p/${type}-0.part`)).toBeLessThan(notes.indexOf(`p/${type}-0.index`));
});

it.each(['p/Condition-0.part', 'p/Condition-0.index'])('ends what it has begun before it reports %s', async (name) => {
  const { blobs, notes, running } = noted((each) => each === name);
  const parts = new PartSet(blobs, 'p/', '0');
  await expect(parts.written(() => write(parts))).rejects.toThrow(`no ${name}`);
  expect(running()).toBe(0);
  // Each part is complete or aborted, and the one that failed too.
  for (const type of TYPES) {
    const isComplete = notes.includes(`p/${type}-0.index`);
    expect(notes.includes(`abort p/${type}-0.part`), type).toBe(!isComplete);
  }
  expect(notes).toContain('abort p/Condition-0.part');
});
