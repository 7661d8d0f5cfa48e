import type { ReleaseEntry } from '@provider-access/events';
import type { Clock } from '@provider-access/kernel';

const HOUR = 3_600_000;
/** Most members that all windows together remember, some 20 MB. */
const MAX_MEMBERS = 200_000;

interface Window {
  /** Members whose release is durable. */
  readonly members: Set<string>;
  recorded: boolean;
  /** The last write. A second request of the same window waits for it instead of writing the same members. */
  tail: Promise<void>;
}

/**
 * Clients repeat reads of a Group, for example a poll each minute or a file in ranges, and each entry would name every
 * member. So an entry names only members that have no entry for the same client, action, route of people,
 * Group, job and file in this hour (ADR 0025).
 *
 * This process remembers only durable entries. After a kill, in another process, and beyond `limit` members, a member
 * is recorded again.
 */
export class HourlyReleases {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #windows = new Map<string, Window>();
  #hour = Number.NaN;
  #held = 0;

  constructor(clock: Clock, limit = MAX_MEMBERS) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /**
   * Resolves when every member of the entry is recorded in this hour. @throws the error of `record`, and then remembers
   * nothing
   */
  once(entry: ReleaseEntry, record: (fresh: ReleaseEntry) => Promise<void>): Promise<void> {
    const key = JSON.stringify([entry.client, entry.action, entry.operation, entry.group, entry.job, entry.file]);
    const window = this.#windowOf(key);
    const done = window.tail.then(async () => {
      const fresh = withoutMembers(entry, window.members);
      if (window.recorded && fresh.members.length === 0) return;
      await record(fresh);
      const before = weight(window);
      window.recorded = true;
      for (const member of fresh.members) window.members.add(member);
      if (this.#windows.get(key) === window) this.#remember(key, weight(window) - before);
    });
    window.tail = done.catch(() => undefined);
    return done;
  }

  #windowOf(key: string): Window {
    const hour = Math.floor(this.#clock.now() / HOUR);
    if (hour !== this.#hour) {
      this.#hour = hour;
      this.#windows.clear();
      this.#held = 0;
    }
    const window = this.#windows.get(key) ?? { members: new Set(), recorded: false, tail: Promise.resolve() };
    // The window in use moves to the end, so that the least recently used one is dropped first.
    this.#windows.delete(key);
    this.#windows.set(key, window);
    return window;
  }

  #remember(key: string, added: number): void {
    this.#held += added;
    for (const [other, window] of this.#windows) {
      if (this.#held <= this.#limit || other === key) return;
      this.#windows.delete(other);
      this.#held -= weight(window);
    }
  }
}

/** Each window counts as at least one member, which also bounds the number of windows. */
const weight = ({ recorded, members }: Window): number => (recorded ? Math.max(1, members.size) : 0);

function withoutMembers(entry: ReleaseEntry, known: ReadonlySet<string>): ReleaseEntry {
  if (known.size === 0) return entry;
  const { members, perMember } = entry;
  const kept = members.flatMap((member, i) => (known.has(member) ? [] : [i]));
  return {
    ...entry,
    members: kept.map((i) => members[i]!),
    ...(perMember !== undefined && { perMember: kept.map((i) => perMember[i]!) }),
  };
}
