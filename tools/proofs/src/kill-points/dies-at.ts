import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeEvent, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { signingKeysIn } from '@provider-access/process/testing';
import { fixedSecret, type Secret, type SigningKeys } from '@provider-access/smart';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disclosuresAreListed, faultsOf } from './oracle.ts';
import { STORY_BEGINS, PAST, WHILE_DOWN } from './payer.ts';
import { CALL_KINDS, type KillPoint, Recorder } from './recorder.ts';
import { Stores, type StoresCopy } from './stores.ts';
import { atRest, goOn, handled, type Known, nothingKnown, publish } from './story.ts';
import { ManualClock, startProcess } from './world.ts';

/** Points that are tried at the same time, because each new process mostly waits. */
const SIDE_BY_SIDE = 8;
/** After this number of failures, the test stops. */
const MOST_FAILURES = 5;
/** ms, longer than any lease. Afterwards another process can take over the work of a dead one. */
const LEASES_RUN_OUT_MS = 31_000;

/** Picks the points to die at. */
export type Choice = (points: readonly KillPoint<Known>[]) => readonly KillPoint<Known>[];

/** Every point: more than ten minutes. */
export const everyPoint: Choice = (points) => points;

/**
 * Points that have together each kind of moment, such as "after append (pa.records)". The numbers of calls, partitions
 * and offsets and the ids of jobs and members make no kind of their own. The beginning of a call makes none either: the
 * stores are then as the end of another call left them. The points that have most of the missing kinds come first.
 */
export const oneOfEachKind: Choice = (points) => {
  const kinds = points.map(({ names }) => [
    ...new Set(names.filter((name) => !name.startsWith('before ')).map(kindOf)),
  ]);
  const missing = new Set(kinds.flat());
  const chosen = new Set<number>();
  while (missing.size > 0) {
    const found = kinds.map((some) => some.filter((kind) => missing.has(kind)).length);
    const best = found.indexOf(Math.max(...found));
    chosen.add(best);
    for (const kind of kinds[best]!) missing.delete(kind);
  }
  return points.filter((_, n) => chosen.has(n));
};
const kindOf = (name: string): string => name.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|[\w-]*\d[\w-]*/g, '#');

/** Defines the test, which starts a new process at each of the chosen points. */
export function diesAt(choose: Choice): void {
  describe('a process that dies before, within or after any of its calls', () => {
    let keys: Secret<SigningKeys>;
    let past: StoresCopy;
    let folder: string;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'kill-points-'));
      keys = fixedSecret(await signingKeysIn(join(folder, 'keys.json')));
      const clock = new ManualClock(STORY_BEGINS);
      const stores = new Stores(clock);
      const running = await startProcess({ stores, clock, keys });
      const scene = { ...running, stores, clock, known: nothingKnown() };
      await publish(scene, PAST);
      await handled(scene);
      await atRest(scene);
      await running.stop();
      past = stores.copy();
      stores.close();
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    test('leaves nothing behind that the next process loses, repeats or shows to the wrong reader', async () => {
      const { points: all, calls } = await recorded();
      const points = choose(all);
      const failed: string[] = [];
      const left = points.entries();
      const tryPoints = async (): Promise<void> => {
        for (const [i, point] of left) {
          if (failed.length >= MOST_FAILURES) return;
          const faults = await faultsAfter(point, i % 2 === 0);
          if (faults.length > 0) failed.push(`${point.names.join(', ')}: ${faults.join('; ')}`);
        }
      };
      await Promise.all(Array.from({ length: SIDE_BY_SIDE }, tryPoints));
      expect(failed).toEqual([]);
      const total = Object.values(calls).reduce((sum, n) => sum + n, 0);
      const byKind = CALL_KINDS.map((kind) => `${calls[kind]} ${kind}`).join(', ');
      console.info(`${points.length} of ${all.length} different points to die at, around ${total} calls: ${byKind}`);
    }, 1_200_000);

    /** Runs the story undisturbed, and records every moment at which its process may die. */
    async function recorded(): Promise<Recorder<Known>> {
      const known = nothingKnown();
      const clock = new ManualClock(STORY_BEGINS);
      const recorder = new Recorder(past, clock, () => known);
      recorder.start();
      const running = await startProcess({ stores: recorder.stores, clock, keys, recorder });
      const scene = { ...running, stores: recorder.stores, clock, known };
      await goOn(scene);
      await atRest(scene);
      await recorder.stop();
      expect(await faultsOf(scene)).toEqual([]);
      await running.stop();
      recorder.stores.close();
      // Every call of every kind has a point before and a point after it.
      const names = new Set(recorder.points.flatMap((point) => point.names.map((name) => name.replace(/ \(.*/, ''))));
      for (const kind of CALL_KINDS) {
        expect(recorder.calls[kind]).toBeGreaterThan(0);
        for (let n = 1; n <= recorder.calls[kind]; n++)
          for (const side of ['before', 'after']) expect(names).toContain(`${side} ${kind} ${n}`);
      }
      return recorder;
    }

    /** Starts a new process on the stores of a dead one, and runs the rest of the story with the same clients. */
    async function faultsAfter(point: KillPoint<Known>, soleOwner: boolean): Promise<string[]> {
      const clock = new ManualClock(STORY_BEGINS + (soleOwner ? 1000 : LEASES_RUN_OUT_MS));
      const stores = new Stores(clock, point.stores);
      await stores.append(
        PAYER_MEMBER_EVENTS,
        WHILE_DOWN.map((event) => encodeEvent(event)),
      );
      const running = await startProcess({ stores, clock, keys, soleOwner });
      const scene = { ...running, stores, clock, known: structuredClone(point.known) };
      try {
        await goOn(scene);
        await atRest(scene);
        const faults = await faultsOf(scene);
        await atRest(scene);
        return [...faults, ...(await disclosuresAreListed(scene))];
      } catch (error) {
        return [error instanceof Error ? error.message : String(error)];
      } finally {
        await running.stop();
        stores.close();
      }
    }
  });
}
