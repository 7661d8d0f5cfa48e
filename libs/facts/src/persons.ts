import type { MembersPart } from './coverage.ts';

type Merged = Pick<MembersPart, 'mergedWith' | 'retired'>;
/** A person with all member ids that merges joined. */
export interface Person<Part> {
  /** Parts of the ids that are known, the first one included. */
  readonly parts: ReadonlyMap<string, Part>;
  /** The id that stands for the person: the one that stays, or the first one where merges contradict each other. */
  readonly id: string;
}
export interface PersonOptions<Part> {
  /** The parts of these ids that are known. */
  readonly load: (ids: readonly string[]) => Promise<ReadonlyMap<string, Part>>;
  /** So many ids are followed. */
  readonly most: number;
}

/** The person of a member id. `part`: what is known of this id. */
export async function personOfId<Part extends Merged>(
  id: string,
  part: Part,
  { load, most }: PersonOptions<Part>,
): Promise<Person<Part>> {
  const parts = new Map<string, Part>([[id, part]]);
  for (let open = part.mergedWith ?? []; open.length > 0 && parts.size <= most;) {
    const unknown = open.filter((one) => !parts.has(one));
    for (const [one, known] of await load(unknown)) parts.set(one, known);
    open = [...new Set(unknown.flatMap((one) => parts.get(one)?.mergedWith ?? []))].filter((one) => !parts.has(one));
  }
  const ids = [...parts.keys()].toSorted();
  return { parts, id: ids.find((one) => parts.get(one)?.retired !== true) ?? ids[0]! };
}
