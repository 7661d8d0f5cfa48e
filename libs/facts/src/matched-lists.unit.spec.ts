import { describe, expect, it } from 'vitest';
import type { MatchedGroupPart } from './attestations.ts';
import { absentGroup, GroupLists } from './group-lists.ts';
import { Parties } from './parties.ts';

const NOW = Date.parse('2026-06-10T00:00:00.000Z');
const match: MatchedGroupPart = {
  client: 'ehr',
  providers: ['npi|1000000001'],
  from: '2026-06-01T00:00:00.000Z',
  to: '2026-07-01T00:00:00.000Z',
  policy: 'accept',
  job: 'j',
  submitted: 1,
  matched: 1,
  recordedAt: '2026-06-01T00:00:00.000Z',
};

const SINCE = '2026-01-01T00:00:00.000Z';

describe('M70 a matched Group among the lists of an app', () => {
  /** Lists over views that have one result, and what was asked of the views. */
  function world(now = NOW) {
    const asked: string[] = [];
    const reader = ({ name }: { readonly name: string }) => ({
      get: (id: string) => {
        asked.push(`get ${name}`);
        return Promise.resolve(name === 'matched-groups' && id === 'match-1' ? { _id: id, match } : undefined);
      },
    });
    const parties = Object.assign(new Parties(), {
      client: (client: string) => ({
        client,
        name: client,
        status: 'approved' as const,
        history: [{ status: 'approved' as const, at: SINCE }],
        bindings: match.providers.map((provider) => ({ provider, from: SINCE, recordedAt: SINCE })),
        scope: '',
      }),
      network: () => [{ status: 'in-network' as const, from: SINCE }],
    });
    const lists = new GroupLists({
      views: { reader } as unknown as ConstructorParameters<typeof GroupLists>[0]['views'],
      parties,
      claims: { claim: () => Promise.reject(new Error('not asked')) },
      clock: { now: () => now },
    });
    return { lists, asked };
  }

  it('costs another app the queries of an unknown id, and gives it the same answer', async () => {
    const answers = [];
    for (const [client, id] of [
      ['other', 'match-1'],
      ['other', 'nobody'],
      ['ehr', 'nobody'],
    ] as const) {
      const { lists, asked } = world();
      const found = await lists.one(client, id);
      answers.push([asked.toSorted(), 'denied' in found && absentGroup(found).message]);
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]![0]).toEqual(['get groups', 'get matched-groups']);
  });
  it('exists for its app until its expiry, which nobody else is told (M71)', async () => {
    expect(await world().lists.one('ehr', 'match-1')).toMatchObject({ id: 'match-1', match });
    const later = world(Date.parse(match.to)).lists;
    const [own, foreign] = [await later.one('ehr', 'match-1'), await later.one('other', 'match-1')];
    expect([own, foreign]).toEqual([{ denied: 'group-expired' }, { denied: 'group-of-another' }]);
    expect(absentGroup({ denied: 'group-expired' }).message).toContain('Match again');
  });
});
