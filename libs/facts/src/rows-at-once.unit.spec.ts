import { describe, expect, it } from 'vitest';
import type { LogRecord } from '@provider-access/engines/log';
import { type ConsentPart, evolveConsent, optOutFacts } from './consent.ts';

const at = (second: number): string => new Date(Date.UTC(2026, 0, 2, 0, 0, second)).toISOString();
const DAY = '2026-01-01T00:00:00.000Z';

interface Times {
  readonly cameAt: number;
  readonly recordedAt: number;
}
/** What a full file states of the row `r`, with the business time of its day. */
const record = (type: string, { cameAt, recordedAt }: Times, data: object): LogRecord => ({
  topic: 'pa.consent',
  partition: 0,
  offset: cameAt,
  key: 'm',
  timestamp: Date.parse(at(recordedAt)),
  headers: { ce_id: `${type}-${cameAt}~files-----`, ce_type: type, ce_subject: 'm', ce_time: at(cameAt) },
  value: Buffer.from(
    JSON.stringify({ member: 'm', setBy: 'member', businessTime: DAY, effective: DAY, row: 'r', ...data }),
  ),
});
const out = (times: Times): LogRecord => record('pa.opted-out.v1', times, { scope: 'global' });
const withdrawal = (times: Times): LogRecord => record('pa.opt-out-withdrawn.v1', times, {});
const isDenied = (...records: readonly LogRecord[]): boolean => {
  const part = records.reduce<ConsentPart | undefined>((known, one) => evolveConsent(known, one) ?? known, undefined);
  return optOutFacts(part).some(({ from, to }) => to === undefined || from < to);
};

describe('A71 two files of one day state one row, and one batch records both', () => {
  const [first, second] = [
    { cameAt: 1, recordedAt: 9 },
    { cameAt: 2, recordedAt: 9 },
  ];
  it('a withdrawal that came later ends the opt-out, in whatever order they are read', () => {
    expect(isDenied(out(first), withdrawal(second))).toBe(false);
    expect(isDenied(withdrawal(second), out(first))).toBe(false);
  });
  it('an opt-out that came later stands', () => {
    expect(isDenied(withdrawal(first), out(second))).toBe(true);
    expect(isDenied(out(second), withdrawal(first))).toBe(true);
  });
  it('both of one instant: nobody knows which came later, and the opt-out stands', () =>
    expect(isDenied(out(first), withdrawal(first))).toBe(true));
  it('an opt-out that an earlier release stored, without when it came, ends with a later withdrawal', () => {
    const stored = evolveConsent(undefined, out({ cameAt: 1, recordedAt: 1 }))!;
    const before: ConsentPart = { ...stored, outs: stored.outs!.map(({ statedAt: _statedAt, ...one }) => one) };
    expect(optOutFacts(before)).toHaveLength(1);
    expect(optOutFacts(evolveConsent(before, withdrawal({ cameAt: 2, recordedAt: 9 })))).toEqual([]);
  });
  it('facts for decisions do not have the instant', () =>
    expect(Object.keys(optOutFacts(evolveConsent(undefined, out(first)))[0]!)).not.toContain('statedAt'));
});
