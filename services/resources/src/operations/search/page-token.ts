import type { PageCursor } from './page.ts';

export interface PageToken {
  readonly client: string;
  readonly type: string;
  /** The normalised query of the first page. */
  readonly query: string;
  /** Absent for the first page. */
  readonly after?: PageCursor;
  /** The link shows nothing to the release before either (`former-links.ts`). A page passes it on to the next one. */
  readonly sealed?: boolean;
}
