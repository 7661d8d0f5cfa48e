import type { Secret, SigningKeys } from '@provider-access/smart';
import { Driver, type Operation, printed, sequenceOf, type World } from '@provider-access/testing/promises';
import type { Tested } from '../kill-points/platform-process.ts';
import { MemoryWorld } from './memory-world.ts';

/** Sequences for each world, each with members of its own. Starting a world costs as much as running a sequence. */
const A_WORLD = 70;
/** Worlds that run at the same time, because a sequence mostly waits. */
const SIDE_BY_SIDE = 3;
/** In one lane nobody sees a member who has not got a notice. In another one intervals are events of their own. */
const testedFor = (number: number): Tested => ({
  holdsUntilNotice: number % SIDE_BY_SIDE === SIDE_BY_SIDE - 1,
  bindingEvents: number % SIDE_BY_SIDE === 1,
});
/** Limit of runs while shortening a sequence. */
const ATTEMPTS = 60;

export interface RunOptions {
  readonly keys: Secret<SigningKeys>;
  readonly seed: number;
  /** Called before each sequence with its number, from 0 on. */
  readonly goOn: (number: number) => boolean;
}

/**
 * Runs random sequences until `goOn` returns false. Sequence n has the seed `seed + n`.
 * @returns the number of sequences
 * @throws Error with the promise that was broken, the seed, and the shortest sequence that breaks a promise
 */
export async function runSequences({ keys, seed, goOn }: RunOptions): Promise<number> {
  let begun = 0;
  let failed: { readonly number: number; readonly sequence: readonly Operation[]; readonly fault: string } | undefined;
  const lane = async (first: number): Promise<void> => {
    let world: MemoryWorld | undefined;
    try {
      for (let own = 0; failed === undefined; own++) {
        // Each lane has numbers of its own, so that a sequence always meets the same setting.
        const number = first + own * SIDE_BY_SIDE;
        if (!goOn(number)) break;
        begun += 1;
        if (own % A_WORLD === 0) {
          await world?.stop();
          world = await MemoryWorld.start(keys, testedFor(number));
        }
        const sequence = sequenceOf(seed + number);
        const fault = await faultOf(world!, `s${number}`, sequence);
        if (fault !== undefined) failed ??= { number, sequence, fault };
      }
    } finally {
      await world?.stop();
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, (_, first) => lane(first)));
  if (failed === undefined) return begun;
  const { number, sequence, fault } = failed;
  const { shortest, fault: last } = await shortened(keys, number, sequence);
  const found = last ?? 'the sequence alone breaks no promise';
  const { holdsUntilNotice, bindingEvents } = testedFor(number);
  const where = `${holdsUntilNotice ? ', which holds until a notice' : ''}${bindingEvents ? ', binding events' : ''}`;
  const whole = `The whole sequence: ${fault}\n${printed(sequence)}`;
  throw new Error(
    `sequenceOf(${seed + number}), number ${number + 1}${where}: ${found}\n${printed(shortest)}\n${whole}`,
  );
}

/** Runs a sequence. Undefined if it breaks no promise. */
async function faultOf(world: World, name: string, sequence: readonly Operation[]): Promise<string | undefined> {
  try {
    await new Driver(world, name).run(sequence);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Removes operations, halves first, while the rest still breaks a promise in a world of its own. */
async function shortened(
  keys: Secret<SigningKeys>,
  number: number,
  sequence: readonly Operation[],
): Promise<{ readonly shortest: readonly Operation[]; readonly fault: string | undefined }> {
  const alone = async (operations: readonly Operation[]): Promise<string | undefined> => {
    const world = await MemoryWorld.start(keys, testedFor(number));
    try {
      return await faultOf(world, `s${number}`, operations);
    } finally {
      await world.stop();
    }
  };
  let shortest = sequence;
  let fault = await alone(sequence);
  let attempts = 1;
  for (let part = Math.ceil(sequence.length / 2); fault !== undefined && part >= 1;) {
    let shorter = false;
    for (let from = 0; from < shortest.length && attempts < ATTEMPTS; attempts++) {
      const without = shortest.toSpliced(from, part);
      const found = await alone(without);
      if (found === undefined) from += part;
      else [shortest, fault, shorter] = [without, found, true];
    }
    if (part === 1 && (!shorter || attempts >= ATTEMPTS)) break;
    if (part > 1) part = Math.ceil(part / 2);
  }
  return { shortest, fault };
}
