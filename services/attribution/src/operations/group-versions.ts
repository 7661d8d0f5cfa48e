import { createHash, type Hash } from 'node:crypto';
import type { Streams } from '@provider-access/engines/state';

/** The version that a client saw last, as the state store keeps it. */
interface Seen {
  /** Hash of the visible content. */
  readonly content: string;
  /** ms since the epoch: `meta.lastUpdated`, and `meta.versionId` as a number. */
  readonly at: number;
}

/**
 * The version of each Group as each client sees it (ADR 0042). It changes exactly when the visible content differs from
 * what this client saw before, and it only grows, in every process.
 */
export class GroupVersions {
  readonly #streams: Pick<Streams, 'load' | 'append'>;
  constructor(streams: Pick<Streams, 'load' | 'append'>) {
    this.#streams = streams;
  }

  /**
   * @param now the time of the decision, ms since the epoch
   * @returns the version of this content, ms since the epoch
   * @throws EngineUnavailable
   */
  async of(client: string, group: string, content: string, now: number): Promise<number> {
    const stream = `group-version/${group}/${client}`;
    for (;;) {
      const head = await this.#streams.load<Seen>(stream);
      if (head?.snapshot.content === content) return head.snapshot.at;
      // Another process may have seen the change first, or its clock may be ahead.
      const at = head === undefined ? now : Math.max(now, head.snapshot.at + 1);
      const seen: Seen = { content, at };
      if ((await this.#streams.append(stream, head?.version ?? 0, [], seen)).ok) return at;
    }
  }
}

/** Hashes the content of a Group part by part, because a Group may have 100,000 members. */
export class ContentHash {
  readonly #hash: Hash = createHash('sha256');
  add(part: unknown): void {
    this.#hash.update(`${JSON.stringify(part)}\n`);
  }
  digest(): string {
    return this.#hash.digest('base64url');
  }
}
