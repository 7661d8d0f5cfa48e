import type { DecidedAt } from '@provider-access/audit';
import { bufferOf, type DenialReason } from '@provider-access/events';
import type { Blobs } from '@provider-access/engines/blob';
import type { PartInfo } from './part-set.ts';

/** The members of a chunk. */
export interface PlanChunk {
  readonly members: readonly string[];
}

/** What a chunk has written. A kind of job adds what its seal needs. */
export interface ChunkResult {
  readonly v: 1;
  readonly parts: readonly PartInfo[];
  readonly released: readonly string[];
  readonly refused: Readonly<Partial<Record<DenialReason, readonly string[]>>>;
  /** When those of `refused` were decided, and by what. Absent of a release that does not write it (ADR 0145). */
  readonly decided?: Readonly<Partial<Record<DenialReason, DecidedAt>>>;
}

/** The files of a sealed job. Downloads never serve `dropped` members, even if a later decision permits them. */
export interface Manifest {
  readonly v: 1;
  readonly files: readonly PartInfo[];
  readonly dropped: readonly string[];
  /** Present if the files have blocks, one for each patient. */
  readonly organizedBy?: 'Patient';
}

/** The members that one item of a long seal dropped. */
export interface SealSlice {
  readonly v: 1;
  readonly dropped: readonly string[];
}

/** The media type of part files. */
export const NDJSON = 'application/fhir+ndjson';

export const jobPrefix = (job: string): string => `jobs/${job}/`;
export const chunkPrefix = (job: string, chunk: number, fence: number): string => `jobs/${job}/${chunk}/${fence}/`;
export const askFile = (job: string): string => `jobs/${job}/ask.json`;
export const planPrefix = (job: string, fence: number): string => `jobs/${job}/plan/${fence}/`;
export const sealPrefix = (job: string, fence: number): string => `jobs/${job}/seal/${fence}/`;

/** A file of JSON. Throws when it is missing, because an event or a manifest names it. */
export async function readJson<T>(blobs: Blobs, name: string): Promise<T> {
  const bytes = await blobs.get(name);
  if (bytes === undefined) throw new Error('a file of the job is missing');
  return JSON.parse(bufferOf(bytes).toString()) as T;
}
export const readPlanChunk = (blobs: Blobs, prefix: string, chunk: number): Promise<PlanChunk> =>
  readJson(blobs, `${prefix}${chunk}.json`);
export const readSlice = (blobs: Blobs, name: string): Promise<SealSlice> => readJson(blobs, name);
export const readManifest = (blobs: Blobs, name: string): Promise<Manifest> => readJson(blobs, name);
