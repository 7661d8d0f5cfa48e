import type { Blobs } from '@provider-access/engines/blob';
import { type ChunkResult, readJson } from '@provider-access/jobs/files';
import type { AskedProvenance } from '../domain/request/associated-data.ts';
import type { ElementsOfTypes } from '../domain/request/elements.ts';
import type { AskedPatient } from '../domain/request/patients.ts';
import type { TypeFilter } from '../domain/request/type-filters.ts';
import type { AskedList } from './asked-list.ts';

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

/** A reference (`Type/id`), and the positions in `released` of the members whose resources contain it. */
export type CarriedBy = readonly [reference: string, members: readonly number[]];

/** What a chunk has written and what it brings along. */
export interface ChunkSummary extends ChunkResult {
  /** Shared resources that released resources refer to. */
  readonly references: readonly CarriedBy[];
  /** With `_since`: references that only unchanged resources contain. Their targets are exported if they changed. */
  readonly unchanged: readonly CarriedBy[];
  /** Resources without a patient that several members may have (Medication). The seal writes each of them once. */
  readonly common: readonly CarriedBy[];
  /** Positions in `released` of members without a line in this chunk. Only in a job that asks for patients. */
  readonly bare?: readonly number[];
}

export const readAsk = (blobs: Blobs, name: string): Promise<Ask> => readJson(blobs, name);
export const readSummary = (blobs: Blobs, name: string): Promise<ChunkSummary> => readJson(blobs, name);
