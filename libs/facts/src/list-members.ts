import type { ViewReader } from '@provider-access/engines/views';
import type { MembershipPart } from './projections.ts';

/**
 * The members who were ever attributed to one of these Groups, each once, in the order of their ids. Ended memberships
 * are included, so each member must be decided. It reads the Groups side by side, and keeps one page of each.
 * @param memberships reader of the view
 */
export async function* membersOfGroups(
  memberships: Pick<ViewReader, 'scan'>,
  groups: readonly string[],
  pageSize: number,
): AsyncGenerator<string> {
  const scans = groups.map((group) =>
    memberships.scan({ index: 'by_group', equals: [group], pageSize, fields: 'keys' })[Symbol.asyncIterator](),
  );
  const next = async (scan: (typeof scans)[number]): Promise<string | undefined> => {
    const { done, value } = await scan.next();
    return done === true ? undefined : (value['membership'] as MembershipPart).member;
  };
  const heads = await Promise.all(scans.map(next));
  for (;;) {
    const known = heads.filter((head) => head !== undefined);
    if (known.length === 0) return;
    const least = known.reduce((a, b) => (b < a ? b : a));
    yield least;
    for (const [i, head] of heads.entries()) if (head === least) heads[i] = await next(scans[i]!);
  }
}
