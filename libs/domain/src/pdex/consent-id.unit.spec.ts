import { describe, expect, it } from 'vitest';
import { confirmationNumber, consentIdOf } from './consent-id.ts';

describe('the number that a member can quote (PEOPLE.md N52)', () => {
  it('is the beginning of the id of the Consent, in groups that can be read aloud', () => {
    expect(confirmationNumber('k7qx2mpdv4laabcdefghijkl')).toBe('K7QX-2MPD-V4LA');
  });

  it('differs for each decision and member, and follows from both alone', () => {
    const of = (event: string, member: string): string => confirmationNumber(consentIdOf(event, member));
    const all = Array.from({ length: 1000 }, (_, n) => of(`event-${n % 500}`, n < 500 ? 'm1' : 'm2'));
    expect(new Set(all).size).toBe(1000);
    expect(all.every((one) => /^[A-Z2-7]{4}-[A-Z2-7]{4}-[A-Z2-7]{4}$/.test(one))).toBe(true);
    expect(of('event-1', 'm1')).toBe(all[1]);
  });
});
