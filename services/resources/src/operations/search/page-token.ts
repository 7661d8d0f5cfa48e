import type { PageCursor } from './page.ts';

export interface PageToken {
  readonly client: string;
  readonly type: string;
  /** The normalised query of the first page. */
  readonly query: string;
  /** Absent for the first page. */
  readonly after?: PageCursor;
  /** The link must be encrypted, so the release before cannot follow it (`former-links.ts`). The next page's is too. */
  readonly sealed?: boolean;
}
