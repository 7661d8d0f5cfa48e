import { expect, it } from 'vitest';
import { deadLetterId } from './derivation.ts';
it('names a parked record by its place', () => {
  expect(deadLetterId('payer.member-events', 1, 2)).toMatch(/^dl-[a-z2-7]{26}$/);
});
