import { bufferOf } from '@provider-access/events';
import type { Blobs } from '@provider-access/engines/blob';
import type { ChunkSummary } from './chunk-summary.ts';
import type { PartInfo } from './part-set.ts';

/** The files of a sealed job. `dropped` members are served to nobody, whatever is decided later. */
export interface Manifest {
  readonly v: 1;
  readonly files: readonly PartInfo[];
  readonly dropped: readonly string[];
}
export interface PlanChunk {
  readonly members: readonly string[];
}

/** Every file of a job lives under here. */
export const jobPrefix = (job: string): string => `jobs/${job}/`;
export const chunkPrefix = (job: string, chunk: number, fence: number): string => `jobs/${job}/${chunk}/${fence}/`;
export const planPrefix = (job: string, fence: number): string => `jobs/${job}/plan/${fence}/`;
export const sealPrefix = (job: string, fence: number): string => `jobs/${job}/seal/${fence}/`;

async function json<T>(blobs: Blobs, name: string): Promise<T> {
  const bytes = await blobs.get(name);
  if (bytes === undefined) throw new Error('a file of the export job is missing');
  return JSON.parse(bufferOf(bytes).toString()) as T;
}
/** These throw when the file is gone, because a file that an event names must exist. */
export const readPlanChunk = (blobs: Blobs, prefix: string, chunk: number): Promise<PlanChunk> =>
  json(blobs, `${prefix}${chunk}.json`);
export const readSummary = (blobs: Blobs, name: string): Promise<ChunkSummary> => json(blobs, name);
export const readManifest = (blobs: Blobs, name: string): Promise<Manifest> => json(blobs, name);
