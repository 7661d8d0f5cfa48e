import { createHmac } from 'node:crypto';
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
it('is base32 of the first 16 bytes of the HMAC', () => {
  const bytes = createHmac('sha256', OLD).update('member\nm-1').digest().subarray(0, 16);
  const bits = [...bytes]
    .map((b) => b.toString(2).padStart(8, '0'))
    .join('')
    .padEnd(130, '0');
  const text = bits
    .match(/.{5}/g)!
    .map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five, 2)])
    .join('');
  expect(new MemberHash(() => [OLD]).of('m-1')).toBe(text);
});
it('follows a rotation: the new key names, both can be looked for', () => {
  let keys = [OLD];
  const hash = new MemberHash(() => keys);
  const before = hash.of('m-1');
  keys = [NEW, OLD];
  expect(hash.of('m-1')).not.toBe(before);
  expect(hash.all('m-1')).toEqual([hash.of('m-1'), before]);
});
