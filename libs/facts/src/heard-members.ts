import type { LogRecord, Position } from '@provider-access/engines/log';

type Place = Pick<LogRecord, 'topic' | 'partition' | 'offset'>;
/** Offsets by topic and partition. */
type Offsets = Map<string, number>;

/** Of more members, an event counts for all. */
const MOST = 10_000;

const keyOf = ({ topic, partition }: Place): string => `${topic}/${partition}`;
const raise = (offsets: Offsets, key: string, offset: number): unknown =>
  offsets.set(key, Math.max(offset, offsets.get(key) ?? -1));

/**
 * About whom this process has heard an event that the view of member facts may not show yet. What a read found before
 * the view had passed the event is not used again. So once every process has passed an opt-out, and the view has, no
 * process uses facts without it.
 */
export class HeardMembers {
  readonly #waiting = new Map<string, Offsets>();
  /** Events of members who are too many to be kept apart. */
  readonly #ofAll: Offsets = new Map();
  /** Since when reads show what was heard of a member, ms of the clock, in the order of time. */
  readonly #shown = new Map<string, number>();
  #allShown = Number.NEGATIVE_INFINITY;
  readonly #boundMs: number;
  readonly #now: () => number;

  /**
   * @param boundMs facts that a read found longer ago are not used again
   * @param now monotonic, ms
   */
  constructor(boundMs: number, now: () => number = () => performance.now()) {
    this.#boundMs = boundMs;
    this.#now = now;
  }

  heard(member: string, place: Place): void {
    let offsets = this.#waiting.get(member);
    if (offsets === undefined && this.#waiting.size >= MOST) {
      for (const all of this.#waiting.values()) for (const [key, offset] of all) raise(this.#ofAll, key, offset);
      this.#waiting.clear();
      offsets = this.#ofAll;
    } else if (offsets === undefined) this.#waiting.set(member, (offsets = new Map()));
    raise(offsets, keyOf(place), place.offset);
  }

  /** Call it with each position of the view that was read, as soon as it is there. */
  passed({ topics }: { readonly topics: Position }): void {
    const now = this.#now();
    const next = new Map(
      Object.entries(topics).flatMap(([topic, offsets]) =>
        offsets.map((offset, partition) => [keyOf({ topic, partition, offset }), offset] as const),
      ),
    );
    const isShown = (offsets: Offsets): boolean => {
      for (const [key, offset] of offsets) if (offset < (next.get(key) ?? 0)) offsets.delete(key);
      return offsets.size === 0;
    };
    for (const [member, at] of this.#shown) {
      if (now - at <= this.#boundMs) break;
      this.#shown.delete(member);
    }
    for (const [member, offsets] of this.#waiting) {
      if (!isShown(offsets)) continue;
      this.#waiting.delete(member);
      this.#shown.delete(member);
      this.#shown.set(member, now);
    }
    if (this.#ofAll.size === 0 && this.#shown.size <= MOST) return;
    if (!isShown(this.#ofAll)) return;
    this.#shown.clear();
    this.#allShown = now;
  }

  /** How long ago a read may have found facts that are used again, ms. Negative: none may be. */
  withinMs(member: string): number {
    if (this.#ofAll.size > 0 || this.#waiting.has(member)) return Number.NEGATIVE_INFINITY;
    return Math.min(this.#boundMs, this.#now() - Math.max(this.#allShown, this.#shown.get(member) ?? this.#allShown));
  }
}
