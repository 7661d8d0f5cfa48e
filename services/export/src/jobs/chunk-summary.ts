import { type DenialReason } from '@provider-access/domain/access';
import { type PartInfo } from './part-set.ts';

/** A reference (`Type/id`) and positions in `released` of the members it came with. */
export type CarriedBy = readonly [reference: string, members: readonly number[]];

/** What the summary file of a chunk holds. */
export interface ChunkSummary {
  readonly v: 1;
  readonly parts: readonly PartInfo[];
  readonly released: readonly string[];
  readonly refused: Readonly<Partial<Record<DenialReason, readonly string[]>>>;
  /** Shared resources that released resources refer to. */
  readonly references: readonly CarriedBy[];
  /**
   * With `_since`: references of unchanged resources only. A supporting resource that they name comes along if it
   * changed itself.
   */
  readonly unchanged: readonly CarriedBy[];
  /** Resources without a patient that several members have (Medication): written once, at seal. */
  readonly common: readonly CarriedBy[];
}
