import { getHeapSpaceStatistics } from 'node:v8';
import { answerCalls } from '../../src/threads/index.ts';

/** How often it looks at the heap. */
const EACH = 20_000;

/**
 * Makes objects that live on, so that V8 lets the young generation grow. Answers with its size in bytes at the end: at
 * its beginning a thread may go beyond its limit, until the first garbage collections.
 */
answerCalls((objects: number): number => {
  let last = 0;
  const kept: object[] = [];
  for (let i = 0; i < objects; i += 1) {
    kept.push({ i, list: [i] });
    if (i % EACH !== 0) continue;
    const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')!;
    last = young.space_size;
  }
  return last;
});
