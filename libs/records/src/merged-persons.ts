import type { ViewDocument, ViewReader } from '@provider-access/engines/views';
import { NOBODY } from './record.ts';

/** All member ids of a person. The first one is the id that stays; the others are retired. */
export interface Person {
  readonly id: string;
  readonly ids: readonly string[];
}

/** Merges of merged ids that are followed. Each costs a query, also where nobody was merged. */
const MOST_MERGES = 5;

/** As the view of member facts has it (`MembersPart` of libs/facts, which is on the same floor). */
interface Merged {
  readonly mergedWith?: readonly string[];
  readonly retired?: true;
}
const partOf = (document: ViewDocument | undefined): Merged => (document?.['members'] as Merged | undefined) ?? {};

/**
 * The persons of these member ids, by each of their ids. The number of queries is always the same. If merges lead
 * further than they are followed, the ids that were found are one person.
 */
export async function readPersons(
  members: Pick<ViewReader, 'getMany'>,
  of: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Person>> {
  const parts = new Map<string, Merged>();
  let open = [...of];
  for (let round = 0; round <= MOST_MERGES; round++) {
    const found = await members.getMany(open.length === 0 ? [NOBODY] : open);
    for (const [i, id] of open.entries()) parts.set(id, partOf(found[i]));
    const next = new Set(open.flatMap((id) => parts.get(id)!.mergedWith ?? []));
    open = [...next].filter((id) => !parts.has(id));
  }
  const persons = new Map<string, Person>();
  for (const id of parts.keys()) {
    if (persons.has(id)) continue;
    const ids = new Set([id]);
    for (const one of ids) for (const other of parts.get(one)?.mergedWith ?? []) if (parts.has(other)) ids.add(other);
    const stays = (one: string): number => Number(parts.get(one)!.retired === true);
    const sorted = [...ids].toSorted((a, b) => stays(a) - stays(b) || (a < b ? -1 : 1));
    const person = { id: sorted[0]!, ids: sorted };
    for (const one of ids) persons.set(one, person);
  }
  return persons;
}
