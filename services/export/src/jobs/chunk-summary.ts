import { type DenialReason } from '@provider-access/domain/access';
import { type PartInfo } from './part-set.ts';

/** A reference (`Type/id`), and the positions in `released` of the members whose resources contain it. */
export type CarriedBy = readonly [reference: string, members: readonly number[]];

/** The content of the summary file of a chunk. */
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
}
