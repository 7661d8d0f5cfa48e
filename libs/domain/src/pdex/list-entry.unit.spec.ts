import { describe, expect, it } from 'vitest';
import { changeSince, listEntry } from './list-entry.ts';

const DAY = 86_400_000;
const at = (day: number): string => new Date(Date.UTC(2026, 0, day)).toISOString();
const SINCE = Date.parse(at(1));
const plain = { from: at(1), recordedAt: at(1) };

describe('A8 the entry of a member with several attributions to the provider', () => {
  it('is that of the only one', () => {
    expect(listEntry('m', [{ ...plain, to: at(9), coverageId: 'c' }], SINCE)).toEqual({
      member: 'm',
      from: at(1),
      to: new Date(Date.parse(at(9)) - 1).toISOString(),
      coverageId: 'c',
      since: SINCE,
      changed: SINCE,
    });
    expect(listEntry('m', [{ ...plain, changedAt: at(5) }], SINCE).changed).toBe(Date.parse(at(5)));
  });

  it('is that of the one that lasts longest, in any order', () => {
    const [ends, stays, later] = [
      { ...plain, to: at(20) },
      { from: at(3), recordedAt: at(3) },
      { ...plain, from: at(4) },
    ];
    for (const all of [
      [ends, stays, later],
      [later, stays, ends],
    ])
      expect(listEntry('m', all, SINCE)).toMatchObject({ from: at(3), changed: Date.parse(at(3)) });
    expect(listEntry('m', [ends, stays], SINCE)).not.toHaveProperty('to');
  });

  it('is changed when a longer one begins, and not when a shorter one ends (A9)', () => {
    const longer = { from: at(5), recordedAt: at(6) };
    const entry = listEntry('m', [{ ...plain, to: at(9) }, longer], SINCE);
    expect(changeSince(entry, Date.parse(at(6)) - DAY)).toBe('changed');
    expect(changeSince(entry, Date.parse(at(7)))).toBe('nochange');
    expect(listEntry('m', [longer], SINCE)).toMatchObject({ from: entry.from });
  });
});
