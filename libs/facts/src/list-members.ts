import type { ViewReader, Views } from '@provider-access/engines/views';
import { attested } from './attestations.ts';
import { memberships } from './projections.ts';

/** The views that have the members of Groups: of those of providers, and of those of matches. */
const LISTS = [
  { view: memberships, part: 'membership' },
  { view: attested, part: 'attested' },
] as const;
export type ListReaders = readonly { readonly reader: Pick<ViewReader, 'scan'>; readonly part: string }[];
export const listReaders = (views: Pick<Views, 'reader'>): ListReaders =>
  LISTS.map(({ view, part }) => ({ reader: views.reader(view), part }));

/**
 * The members who were ever attributed to one of these Groups, or attested in it, each once, in the order of their ids.
 * Ended memberships are included, so each member must be decided. It reads the Groups side by side, and keeps one page
 * of each.
 * @param after only members behind this id
 */
export async function* membersOfGroups(
  lists: ListReaders,
  groups: readonly string[],
  pageSize: number,
  after?: string,
): AsyncGenerator<string> {
  const range = after === undefined ? {} : { range: { gt: after } };
  const scanOf = (reader: ListReaders[number]['reader'], group: string) =>
    reader.scan({ index: 'by_group', equals: [group], ...range, pageSize, fields: 'keys' });
  const scans = groups.flatMap((group) =>
    lists.map(({ reader, part }) => ({ part, documents: scanOf(reader, group)[Symbol.asyncIterator]() })),
  );
  const next = async ({ documents, part }: (typeof scans)[number]): Promise<string | undefined> => {
    const { done, value } = await documents.next();
    return done === true ? undefined : (value[part] as { readonly member: string }).member;
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
