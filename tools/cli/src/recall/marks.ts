import type { Context } from '../context.ts';
import type { Release } from '../releases/find.ts';

/** Limits of `POST /ops/disclosures/recalls`. */
const MEMBERS = 100;
const ENTRIES = 200;

/** Marks each release in the accounting of its member. Returns the number of marks. */
export async function markAll(
  { server }: Pick<Context, 'server'>,
  token: string,
  recall: string,
  releases: readonly Release[],
): Promise<number> {
  const byMember = new Map<string, Set<string>>();
  for (const { member, id } of releases) byMember.set(member, (byMember.get(member) ?? new Set()).add(id));
  const rows = [...byMember].flatMap(([member, ids]) => {
    const entries = [...ids];
    return Array.from({ length: Math.ceil(entries.length / ENTRIES) }, (_, n) => ({
      member,
      entries: entries.slice(n * ENTRIES, (n + 1) * ENTRIES),
    }));
  });
  let marked = 0;
  for (let at = 0; at < rows.length; at += MEMBERS) {
    const members = rows.slice(at, at + MEMBERS);
    marked += (
      await server.post<{ readonly marked: number }>('/ops/disclosures/recalls', { recall, members }, { token })
    ).marked;
  }
  return marked;
}
