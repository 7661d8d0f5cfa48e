import { createHash, type Hash } from 'node:crypto';
import type { Claims, Streams } from '@provider-access/engines/state';

/** The version that a client saw last, as the state store keeps it. Times are ms since the epoch. */
interface Seen {
  /** Hash of the visible content. */
  readonly content: string;
  /** `meta.lastUpdated`, and `meta.versionId` as a number. */
  readonly at: number;
  /** When the members of this version were decided first. Absent in one of 0.2.0 or earlier. */
  readonly seen?: number;
  /** `seen` of the version before. Absent in the first version: all its entries are new. */
  readonly before?: number;
  /** Hash of what can change the content without a fact about a member. */
  readonly circumstances?: string;
  /** Marks of the members whom a label withheld from this version, and from the version before. Absent: none. */
  readonly hidden?: Hidden;
  readonly hiddenBefore?: Hidden;
}
/** Marks of members (`markOf`); `many` if there are too many of them. */
export type Hidden = readonly string[] | 'many';
/** What a client saw last, and its position in the stream. */
export interface SeenVersion {
  readonly position: number;
  readonly last: Seen | undefined;
}
/** What a client sees now. */
export interface Visible {
  /** The content as the version that was seen last would have it, and as a version after it. */
  readonly same: string;
  readonly next: string;
  readonly circumstances: string;
  /** The time of the decisions, ms since the epoch. */
  readonly now: number;
  /** When the newest fact that can have changed the content was known, ms since the epoch. */
  readonly known: number;
  readonly hidden: Hidden;
}
/**
 * What is new in a version: entries that are visible since a time after `before`, those of `hidden`, and all of the
 * first version, which has no `before`.
 */
export interface Since {
  readonly before: number | undefined;
  readonly hidden: Hidden;
}
export interface Version extends Since {
  readonly at: number;
}
/** What is new in the version that was seen last, and in one after it. */
export const sinceOf = ({ last }: SeenVersion): { readonly same: Since; readonly next: Since } => ({
  same: { before: last?.before, hidden: last?.hiddenBefore ?? [] },
  next: { before: last?.seen ?? last?.at, hidden: last?.hidden ?? [] },
});

/**
 * The version of each Group as each client sees it (ADR 0042). It changes exactly when the visible content differs from
 * what this client saw before, and it only grows, in every process.
 */
export class GroupVersions {
  readonly #streams: Pick<Streams, 'load' | 'append'>;
  readonly #claims: Pick<Claims, 'claim'>;
  readonly #boundMs: number;
  #since: number | undefined;
  /** @param boundMs after this time (ms) no process shows older facts */
  constructor(
    { streams, claims }: { readonly streams: Pick<Streams, 'load' | 'append'>; readonly claims: Pick<Claims, 'claim'> },
    boundMs: number,
  ) {
    this.#streams = streams;
    this.#claims = claims;
    this.#boundMs = boundMs;
  }

  /** @throws EngineUnavailable */
  async last(client: string, group: string): Promise<SeenVersion> {
    const head = await this.#streams.load<Seen>(nameOf(client, group));
    return { position: head?.version ?? 0, last: head?.snapshot };
  }

  /**
   * The version of what the client sees now. Undefined if another process has stored a version meanwhile: then the
   * caller begins again with `last`.
   * @throws EngineUnavailable
   */
  async of(
    client: string,
    group: string,
    { position, last }: SeenVersion,
    visible: Visible,
  ): Promise<Version | undefined> {
    const { same, next, now, circumstances, hidden } = visible;
    const since = sinceOf({ position, last });
    if (last?.content === same) return { at: last.at, ...since.same };
    if (last?.content === next) return { at: last.at, ...since.next };
    const at = Math.max(await this.#timeOf(last, visible), (last?.at ?? 0) + 1);
    const seen: Seen = {
      content: next,
      at,
      seen: now,
      circumstances,
      ...(since.next.before !== undefined && { before: since.next.before }),
      ...(hidden.length > 0 && { hidden }),
      ...(since.next.hidden.length > 0 && { hiddenBefore: since.next.hidden }),
    };
    const stored = await this.#streams.append(nameOf(client, group), position, [], seen);
    return stored.ok ? { at, ...since.next } : undefined;
  }

  /**
   * When the change was known. Every process shows a fact `boundMs` after it was recorded, so this client has not
   * looked since then without seeing it, and `_lastUpdated=gt` with the time of its last look finds the change. What
   * facts do not explain gets the present time.
   */
  async #timeOf(last: Seen | undefined, { circumstances, known, now }: Visible): Promise<number> {
    const shown = Math.min(now, known + this.#boundMs);
    if (last === undefined) return Math.max(shown, await this.#storeSince(now));
    return last.circumstances === circumstances && shown > last.at ? shown : now;
  }

  /** Since when this state store has versions. Those of a store that was lost were not later. */
  async #storeSince(now: number): Promise<number> {
    this.#since ??= Number(await this.#claims.claim('group-versions', 'since', String(now)));
    return this.#since;
  }
}
const nameOf = (client: string, group: string): string => `group-version/${group}/${client}`;

/** Hashes the content of a Group part by part, because a Group may have 100,000 members. */
export class ContentHash {
  readonly #hash: Hash = createHash('sha256');
  add(part: unknown): void {
    this.addText(JSON.stringify(part));
  }
  addText(text: string): void {
    this.#hash.update(`${text}\n`);
  }
  digest(): string {
    return this.#hash.digest('base64url');
  }
}
