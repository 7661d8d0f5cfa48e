import { describe, expect, it } from 'vitest';
import type { ProviderKey } from '@provider-access/events';
import { type OpenedGroup, partsOf, purposeOfList } from './group-lists.ts';
import { membersOfGroups } from './list-members.ts';

const NPI: ProviderKey = 'npi|1234567893';
const opened = (id: string, second: number, tin?: string, contract?: string): OpenedGroup => ({
  id,
  providers: tin === undefined ? [NPI] : [NPI, `tin|${tin}`],
  openedAt: `2026-01-01T00:00:0${second}.000Z`,
  ...(contract !== undefined && { contract }),
});
const ids = (all: readonly OpenedGroup[]): string[] => all.map(({ id }) => id);
function* ordersOf<T>(all: readonly T[]): Generator<readonly T[]> {
  if (all.length < 2) yield all;
  for (const [i, one] of all.entries()) for (const rest of ordersOf(all.toSpliced(i, 1))) yield [one, ...rest];
}

describe('A2 the parts of a list', () => {
  const ALL = [
    opened('plain', 3),
    opened('first-tin', 2, '1'),
    opened('second-tin', 4, '2'),
    opened('of-contract', 1, undefined, 'K'),
    opened('tin-of-contract', 5, '1', 'K'),
    opened('alone', 0, '1', 'L'),
  ];
  it('are the Group without a TIN and the first one with a TIN, of one contract, in the order of their opening', () => {
    for (const known of ordersOf(ALL))
      expect(ALL.map((group) => ids(partsOf(group, known)))).toEqual([
        ['first-tin', 'plain'],
        ['first-tin', 'plain'],
        ['second-tin'],
        ['of-contract', 'tin-of-contract'],
        ['of-contract', 'tin-of-contract'],
        ['alone'],
      ]);
  });

  it('stay the same whatever is opened later (A3)', () => {
    const known = [opened('plain', 1), opened('first-tin', 2, '1')];
    const later = [opened('second-tin', 3, '2'), opened('third', 4, '3'), opened('again', 5)];
    for (let n = 0; n <= later.length; n++)
      for (const order of ordersOf([...known, ...later.slice(0, n)]))
        expect(ids(partsOf(known[0]!, order))).toEqual(['plain', 'first-tin']);
  });

  it('that were opened in one millisecond have the order of their ids', () => {
    const [a, b] = [opened('a', 1, '1'), opened('b', 1)];
    expect([ids(partsOf(a, [b, a])), ids(partsOf(b, [a, b]))]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  it('are one for a provider that has a TIN alone', () => {
    const group: OpenedGroup = { id: 't', providers: ['tin|1'], openedAt: '2026-01-01T00:00:00.000Z' };
    expect(ids(partsOf(group, [...ALL, group]))).toEqual(['t']);
  });

  it('both count for a decision, under either id', () => {
    const list = { parts: ['a', 'b'], joinedAt: '2026-01-01T00:00:00.000Z' };
    expect(purposeOfList('group', list, 'a')).toEqual({
      kind: 'group',
      group: 'a',
      also: { group: 'b', since: list.joinedAt },
    });
    expect(purposeOfList('export', list, 'b').also?.group).toBe('a');
    expect(purposeOfList('export', { parts: ['a'] }, 'a')).toEqual({ kind: 'export', group: 'a' });
  });
});

describe('A2 the members of several Groups', () => {
  const reader = (of: Readonly<Record<string, readonly string[]>>, read: string[] = []) => ({
    async *scan({ equals }: { readonly equals?: readonly unknown[] }) {
      const [group] = equals as [string];
      for (const member of of[group] ?? []) {
        read.push(`${group}/${member}`);
        yield { _id: `${group}/${member}`, membership: { group, member } };
      }
    },
  });
  const all = async (of: Readonly<Record<string, readonly string[]>>, groups = Object.keys(of)): Promise<string[]> => {
    const found: string[] = [];
    for await (const member of membersOfGroups([{ reader: reader(of), part: 'membership' }], groups, 500))
      found.push(member);
    return found;
  };

  it('come in their order, each once', async () => {
    expect(await all({ a: ['1', '3', '5'], b: ['2', '3', '6'] })).toEqual(['1', '2', '3', '5', '6']);
    expect(await all({ a: [], b: ['2'] })).toEqual(['2']);
    expect(await all({ a: ['1'], b: [] })).toEqual(['1']);
    expect(await all({}, ['none'])).toEqual([]);
  });

  it('are those of the union, for random Groups', async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const some = (k: number): string[] =>
        Array.from({ length: 30 }, (_, i) => String(i).padStart(2, '0')).filter(
          (_, i) => (seed * (i + 7) * k) % 3 === 0,
        );
      const [a, b] = [some(1), some(5)];
      expect(await all({ a, b })).toEqual([...new Set([...a, ...b])].toSorted());
    }
  });

  it('are read one page ahead and no further', async () => {
    const read: string[] = [];
    const lists = [{ reader: reader({ a: ['1', '2', '3'], b: ['9'] }, read), part: 'membership' }];
    const members = membersOfGroups(lists, ['a', 'b'], 500);
    await members.next();
    expect(read).toEqual(['a/1', 'b/9']);
  });
});
