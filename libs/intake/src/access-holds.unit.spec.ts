import { expect, it } from 'vitest';
import { MemberHash } from '@provider-access/service/observability';
import { AccessHolds } from './access-holds.ts';

it('say whose access is held by the hash of the member, and never by its id', async () => {
  const kept = new Map<string, string>();
  const lines: string[] = [];
  const memberHash = MemberHash.random();
  const claims = {
    claim: async (_namespace: string, key: string, owner: string) => {
      kept.set(key, kept.get(key) ?? owner);
      return kept.get(key)!;
    },
    get: async (_namespace: string, key: string) => kept.get(key),
  };
  const holds = new AccessHolds({ claims, streams: undefined! }, 'consent', {
    logger: { warn: (details: object) => lines.push(JSON.stringify(details)) } as never,
    memberHash,
  });
  await holds.remember({
    member: 'member-77',
    source: 'urn:payer',
    deadLetter: 'dl-1',
    eventType: 'payer.member-opted-out.v1',
  });
  await holds.remember({ source: 'urn:payer', deadLetter: 'dl-2', eventType: 'payer.member-opted-out.v1' });
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { deadLetter: 'dl-1', eventType: 'payer.member-opted-out.v1', member: memberHash.of('member-77') },
    { deadLetter: 'dl-2', eventType: 'payer.member-opted-out.v1' },
  ]);
  expect(await holds.find('dl-1')).toMatchObject({ member: 'member-77' });
});
