import { bufferOf, type DenialReason } from '@provider-access/events';
import type { Blobs } from '@provider-access/engines/blob';
import type { ElementsOfTypes } from '../domain/request/elements.ts';
import type { AskedProvenance } from '../domain/request/associated-data.ts';
import type { TypeFilter } from '../domain/request/type-filters.ts';
import type { AskedPatient } from '../domain/request/patients.ts';
import type { AskedList } from './asked-list.ts';
import type { PartInfo } from './part-set.ts';

/** What a kick-off asks for. An absent property restricts nothing. */
export interface Ask {
  readonly v: 1;
  readonly patients?: readonly AskedPatient[];
  readonly filters?: readonly TypeFilter[];
  readonly elements?: ElementsOfTypes;
  /** RFC 3339 instant. */
  readonly until?: string;
  /** Which Provenances the export has. Absent: all. */
  readonly provenance?: AskedProvenance;
  /** Each patient gets a block in the files. */
  readonly organizeBy?: 'Patient';
  /** What the export has of the list itself. Absent: nothing. */
  readonly list?: AskedList;
}

/** The members of a chunk. */
export interface PlanChunk {
  readonly members: readonly string[];
}

/** A reference (`Type/id`), and the positions in `released` of the members whose resources contain it. */
export type CarriedBy = readonly [reference: string, members: readonly number[]];

/** What a chunk has written and what it brings along. */
export interface ChunkSummary {
  readonly v: 1;
  readonly parts: readonly PartInfo[];
  readonly released: readonly string[];
  readonly refused: Readonly<Partial<Record<DenialReason, readonly string[]>>>;
  /** Shared resources that released resources refer to. */
  readonly references: readonly CarriedBy[];
  /** With `_since`: references that only unchanged resources contain. Their targets are exported if they changed. */
  readonly unchanged: readonly CarriedBy[];
  /** Resources without a patient that several members may have (Medication). The seal writes each of them once. */
  readonly common: readonly CarriedBy[];
  /** Positions in `released` of members without a line in this chunk. Only in a job that asks for patients. */
  readonly bare?: readonly number[];
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

export const jobPrefix = (job: string): string => `jobs/${job}/`;
export const chunkPrefix = (job: string, chunk: number, fence: number): string => `jobs/${job}/${chunk}/${fence}/`;
export const askFile = (job: string): string => `jobs/${job}/ask.json`;
export const planPrefix = (job: string, fence: number): string => `jobs/${job}/plan/${fence}/`;
export const sealPrefix = (job: string, fence: number): string => `jobs/${job}/seal/${fence}/`;

async function json<T>(blobs: Blobs, name: string): Promise<T> {
  const bytes = await blobs.get(name);
  if (bytes === undefined) throw new Error('a file of the export job is missing');
  return JSON.parse(bufferOf(bytes).toString()) as T;
}
/** Throws when the file is missing, because an event names it. */
export const readPlanChunk = (blobs: Blobs, prefix: string, chunk: number): Promise<PlanChunk> =>
  json(blobs, `${prefix}${chunk}.json`);
export const readAsk = (blobs: Blobs, name: string): Promise<Ask> => json(blobs, name);
export const readSummary = (blobs: Blobs, name: string): Promise<ChunkSummary> => json(blobs, name);
export const readSlice = (blobs: Blobs, name: string): Promise<SealSlice> => json(blobs, name);
export const readManifest = (blobs: Blobs, name: string): Promise<Manifest> => json(blobs, name);
