import type { GroupPayer } from '@provider-access/domain/pdex';
import type { GroupHead } from '@provider-access/facts';

/** What a job exports of the list itself. */
export interface AskedList {
  /** `attribution`: the list export of ATR. `group`: the line of the Group beside ordinary files. */
  readonly kind: 'attribution' | 'group';
  /** What the Group says beside its members, at the kick-off. */
  readonly head: GroupHead & { readonly payer: GroupPayer };
  /** `meta.lastUpdated`: RFC 3339 instant. */
  readonly lastUpdated: string;
}
