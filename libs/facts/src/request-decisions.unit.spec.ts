import { describe, expect, it } from 'vitest';
import type { Decision } from '@provider-access/domain/access';
import type { ViewDocument } from '@provider-access/engines/views';
import { decideOwners, decisionsOfRequest, type Deciding } from './request-decisions.ts';

const PURPOSE = { kind: 'search' } as const;
const of = (id: string, permits: boolean): ViewDocument => ({ _id: id, permits });

/** Facts that other processes write, and what this process remembers of them. */
function opened() {
  const stored = new Map(['a', 'b'].map((id) => [id, of(id, true)]));
  const memory = new Map(stored);
  const reads: (readonly string[])[] = [];
  const asked = { fresh: true };
  const access = {
    reader: { generation: () => undefined, kept: () => undefined, remembered: (id: string) => memory.get(id) },
    withinMs: () => 1,
    assertFresh: () => {
      if (!asked.fresh) throw new Error('stale');
    },
    documents: async (members: readonly string[]) => {
      access.assertFresh();
      reads.push(members);
      return members.map((member) => stored.get(member));
    },
    judge: (_client: string, _purpose: unknown, _members: unknown, documents: readonly (ViewDocument | undefined)[]) =>
      documents.map((document) => ({ permit: document?.['permits'] === true }) as Decision),
    counted: (_purpose: unknown, decisions: readonly Decision[]) => decisions,
  };
  return { stored, memory, reads, asked, access: access as unknown as Deciding };
}
const permits = (decisions: readonly Decision[]): boolean[] => decisions.map(({ permit }) => permit);

describe('the decisions of one request, where other processes write the facts', () => {
  it('about named members come from memory first, and from the view before anything leaves', async () => {
    const { stored, reads, access } = opened();
    const decisions = decisionsOfRequest(access);
    expect(permits(await decisions.decideNamed('app', PURPOSE, ['a', 'b']))).toEqual([true, true]);
    expect(reads).toEqual([]);
    stored.set('a', of('a', false));
    expect(permits(await decisions.decideShown('app', PURPOSE, ['b', 'a']))).toEqual([true, false]);
    expect(reads).toEqual([['b', 'a']]);
    // Two decisions of the view are two queries, because other processes write it.
    const others = decisionsOfRequest(access);
    await others.decideMany('app', PURPOSE, ['b']);
    await others.decideShown('app', PURPOSE, ['b']);
    expect(reads).toEqual([['b', 'a'], ['b'], ['b']]);
  });

  it('come from the view if memory lacks or denies one of the members', async () => {
    for (const known of [undefined, of('b', false)]) {
      const { memory, reads, access } = opened();
      if (known === undefined) memory.delete('b');
      else memory.set('b', known);
      const decisions = decisionsOfRequest(access);
      expect(permits(await decisions.decideNamed('app', PURPOSE, ['a', 'b']))).toEqual([true, true]);
      expect(reads).toEqual([['a', 'b']]);
      expect(await decisions.again('app', PURPOSE, new Set())).toEqual(new Map());
      expect(reads).toHaveLength(1);
    }
  });

  it('are made again with facts that are read, if the answer has nothing of a member', async () => {
    const { stored, reads, access } = opened();
    const decisions = decisionsOfRequest(access);
    await decisions.decideNamed('app', PURPOSE, ['a', 'b']);
    stored.set('a', of('a', false));
    expect(await decisions.again('app', PURPOSE, new Set(['b', 'a']))).toEqual(new Map());
    expect(reads).toEqual([]);
    const again = await decisions.again('app', PURPOSE, new Set(['b']));
    expect([...again.keys(), ...permits([...again.values()])]).toEqual(['a', 'b', false, true]);
    expect(reads).toEqual([['a', 'b']]);
  });

  it('are none while the facts are too old', async () => {
    const { asked, access } = opened();
    asked.fresh = false;
    const decisions = decisionsOfRequest(access);
    for (const decide of [decisions.decideNamed, decisions.decideShown, decisions.decideMany])
      await expect(decide('app', PURPOSE, ['a'])).rejects.toThrow('stale');
    await expect(decideOwners(access, 'app', PURPOSE, ['a'])).rejects.toThrow('stale');
  });
});

describe('the decisions about the owners of a resource', () => {
  it('come from memory if all are permitted, and say by which facts', async () => {
    const { memory, reads, access } = opened();
    const { decisions, basis, again } = await decideOwners(access, 'app', PURPOSE, ['a', 'b']);
    expect([permits(decisions), reads]).toEqual([[true, true], []]);
    expect([basis('b').document, basis('nobody').document]).toEqual([memory.get('b'), undefined]);
    await again();
    expect(reads).toEqual([['a', 'b']]);
  });

  it('are read once if one is denied', async () => {
    const { stored, reads, access } = opened();
    stored.set('b', of('b', false));
    const known = await decideOwners(access, 'app', PURPOSE, ['a', 'unknown', 'b']);
    expect(permits(known.decisions)).toEqual([true, false, false]);
    await known.again();
    expect(reads).toHaveLength(1);
  });

  it('change with the facts of one of them', async () => {
    const { reads, access } = opened();
    const known = await decideOwners(access, 'app', PURPOSE, ['a', 'b']);
    const denied = of('a', false);
    const changed = known.changed('a', denied);
    expect([permits(changed.decisions), changed.basis('a').document]).toEqual([[false, true], denied]);
    expect(permits(changed.changed('a', undefined).decisions)).toEqual([false, true]);
    expect(reads).toEqual([]);
    // A refusal makes the query that it has saved.
    await changed.again();
    expect(reads).toHaveLength(1);
  });
});
