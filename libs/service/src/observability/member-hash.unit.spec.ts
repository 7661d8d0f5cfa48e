import { expect, it } from 'vitest';
import { MemberHash } from './member-hash.ts';

const [OLD, NEW] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];

it('is the same wherever the key is the same, and another for another member or key', () => {
  const a = new MemberHash(() => [OLD]);
  expect(a.of('m-1')).toMatch(/^[a-z2-7]{26}$/);
  expect(new MemberHash(() => [OLD]).of('m-1')).toBe(a.of('m-1'));
  expect(
    new Set([a.of('m-1'), a.of('m-2'), new MemberHash(() => [NEW]).of('m-1'), MemberHash.random().of('m-1')]).size,
  ).toBe(4);
});
it('names members as the log lines of earlier releases do', () => {
  const hash = new MemberHash(() => [OLD]);
  expect(hash.of('m-1')).toBe('e2qdtdimruxncjcongne6lhvju');
  expect(hash.of('m-000008')).toBe('helkysfsd4svpmngweou5f2cu4');
});
it('follows a rotation: the new key names, both can be looked for', () => {
  let keys = [OLD];
  const hash = new MemberHash(() => keys);
  const before = hash.of('m-1');
  keys = [NEW, OLD];
  expect(hash.of('m-1')).not.toBe(before);
  expect(hash.all('m-1')).toEqual([hash.of('m-1'), before]);
});
