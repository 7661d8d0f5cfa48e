import type { SubmittedBundle } from '@provider-access/domain/pdex/match';
import type { Blobs } from '@provider-access/engines/blob';
import { jobPrefix, readJson } from '@provider-access/jobs/files';

/** Bundles in one file, so that a chunk reads its own. They are some 250 KB. */
const TOGETHER = 50;

/** What the event of a match names. The files of the bundles are beside it, and are deleted with the job (M75). */
export interface Submitted {
  readonly v: 1;
  /** Bundles of the request. Their places are 1 to this number. */
  readonly count: number;
}

const prefixOf = (job: string): string => `${jobPrefix(job)}submitted/`;
const submittedFile = (job: string): string => `${prefixOf(job)}request.json`;
const bundlesFile = (job: string, n: number): string => `${prefixOf(job)}${n}.json`;
const fileOf = (place: number): number => Math.floor((place - 1) / TOGETHER);

/** Keeps what a client submitted. @returns the name that the event has */
export async function keepSubmitted(
  blobs: Pick<Blobs, 'put'>,
  job: string,
  bundles: readonly SubmittedBundle[],
): Promise<string> {
  for (let from = 0; from < bundles.length; from += TOGETHER)
    await blobs.put(bundlesFile(job, fileOf(from + 1)), JSON.stringify(bundles.slice(from, from + TOGETHER)));
  const name = submittedFile(job);
  await blobs.put(name, JSON.stringify({ v: 1, count: bundles.length } satisfies Submitted));
  return name;
}

export const readSubmitted = (blobs: Blobs, name: string): Promise<Submitted> => readJson(blobs, name);

/** The bundles of these places, some at a time, in their order. @param places in ascending order */
export async function* bundlesAt(
  blobs: Blobs,
  job: string,
  places: readonly number[],
): AsyncGenerator<readonly SubmittedBundle[]> {
  for (const n of new Set(places.map(fileOf))) {
    const asked = new Set(places.filter((place) => fileOf(place) === n));
    const bundles = await readJson<readonly SubmittedBundle[]>(blobs, bundlesFile(job, n));
    yield bundles.filter(({ place }) => asked.has(place));
  }
}
