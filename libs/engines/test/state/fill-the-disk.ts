import { execFileSync } from 'node:child_process';
import { openEmbeddedState } from '../../src/state/embedded/index.ts';

/** A state store on a disk that is full for a while. Prints the result of each step. */
const limitFiles = (bytes: number | 'unlimited'): void =>
  void execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`]);
const nameOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: Error) => error.name,
  );

const state = openEmbeddedState({ file: process.argv[2]! });
await state.claims.claim('n', 'k1', 'a');
const before = (await state.refusal()) ?? null;
limitFiles(0);
const claimed = await nameOf(state.claims.claim('n', 'k2', 'b'));
const several = await Promise.all([nameOf(state.claims.claim('n', 'k2', 'b')), nameOf(state.counters.hit('c', 1000))]);
const full = await state.refusal();
const still = (await state.refusal()) === full;
limitFiles('unlimited');
const after = (await state.refusal()) ?? null;
const found = await Promise.all(['k1', 'k2', 'k3'].map(async (key) => (await state.claims.get('n', key)) ?? null));
const again = await state.claims.claim('n', 'k2', 'b');
await state.close();
process.stdout.write(JSON.stringify({ before, claimed, several, full, still, after, found, again }));
