import { optOutRow, PA_CONSENT, type PayerEvent } from '@provider-access/events';
import { ours } from './records.ts';

export const M = 'm1';
/** Real check digits, because an opt-out of an NPI that cannot exist bars everybody. */
export const NPIS = ['1000000004', '1000000012'];
/** The specialty of the second practice. Of the first nobody knows one. */
export const CARDIOLOGY = '207RC0000X';
export const SURGERY = '208600000X';
export const MINUTE = 60_000;
export const START = Date.UTC(2026, 0, 1);
export const instant = (minute: number): string => new Date(START + minute * MINUTE).toISOString();

/** Minutes. `from` is the effective time that the payer gave. */
export interface Said {
  readonly id: string;
  readonly out: boolean;
  readonly source: number;
  readonly said: number;
  readonly from: number | undefined;
  /** Of an opt-out: whom it names. Of an opt-in: the providers for whom it is meant. */
  readonly targets: readonly string[];
  /** Of an opt-out without targets. */
  readonly reach?: 'all' | 'nobody' | typeof CARDIOLOGY | typeof SURGERY;
  /** The full file that states it. Where it is no opt-out, a later file of the source takes back what it bars (A71). */
  readonly file?: string;
  readonly appended: number;
}
/** The business time of a statement, and from when on it applies: rules of `docs/opt-outs.md`. */
export const time = (s: Said): number => (s.out ? s.said : Math.min(s.said, s.appended));
export const from = (s: Said): number =>
  s.out ? (s.from ?? Math.min(s.said, s.appended)) : Math.max(s.appended, s.from ?? 0);

/**
 * The reference implementation keeps every statement. An opt-out bars a provider from its effective time on, until a
 * later opt-in applies. "Later" is by the clock of one source, or by more than five minutes for two sources.
 */
const isLater = (i: Said, o: Said): boolean =>
  !i.out && (i.source === o.source ? time(i) > time(o) : time(i) > time(o) + 5);
export const isWithdrawal = (s: Said): boolean => !s.out && s.file !== undefined;
/** Whether two rows of one source name the same opt-out. */
export const isSameRow = (a: Said, b: Said): boolean =>
  a.file === b.file && JSON.stringify([a.targets, reachOf(a)]) === JSON.stringify([b.targets, reachOf(b)]);
const reachOf = ({ targets, reach = 'all' }: Said) => (targets.length > 0 ? 'named' : reach);
/** An opt-in for some providers ends only what an opt-out says about them by name (N10). */
export const takesBack = (i: Said, o: Said, provider: string): boolean => {
  // Of one row, the statement that was recorded later counts, because files of one day have one time.
  if (isWithdrawal(i))
    return isSameRow(i, o) && (time(i) > time(o) || (time(i) === time(o) && i.appended > o.appended));
  return isTakenBack(i, o, provider);
};
const isTakenBack = (i: Said, o: Said, provider: string): boolean =>
  isLater(i, o) && (i.targets.length === 0 || (i.targets.includes(provider) && o.targets.includes(provider)));
export const stands = (o: Said, all: readonly Said[], provider: string, now: number): boolean =>
  o.out && from(o) <= now && !all.some((i) => takesBack(i, o, provider) && from(i) <= now);
/** A category bars whoever is of it, and whoever is of unknown specialty (N7). */
export function bars(o: Said, provider: string): boolean {
  if (o.targets.length > 0) return o.targets.includes(provider);
  if (o.reach === 'nobody') return false;
  return o.reach !== SURGERY || provider === NPIS[0];
}
export const isBarred = (all: readonly Said[], provider: string, now: number): boolean =>
  all.some((o) => bars(o, provider) && stands(o, all, provider, now));
/** The minute since which no opt-out bars the provider; 0 if none ever did. */
export function visibleAgain(all: readonly Said[], provider: string, now: number): number {
  let last = 0;
  for (const o of all.filter((s) => s.out && bars(s, provider))) {
    const back = all.filter((i) => takesBack(i, o, provider)).map((i) => Math.max(from(i), from(o)));
    const end = Math.min(...back);
    if (end > from(o) && end <= now) last = Math.max(last, end);
  }
  return last;
}

export const mark = (source: number): string => `source-${source}---`.slice(0, 10);
const typeOfIn = (s: Said) =>
  isWithdrawal(s) ? 'pa.opt-out-withdrawn.v1' : s.targets.length > 0 ? 'pa.provider-opted-in.v1' : 'pa.opted-in.v1';
const reachIn = ({ targets, reach = 'all' }: Said) => {
  if (targets.length > 0) return { scope: 'provider-specific', targets: targets.map((npi) => `npi|${npi}`) };
  if (reach === 'all') return { scope: 'global' };
  return reach === 'nobody'
    ? { scope: 'purpose-specific', bars: 'nobody' }
    : { scope: 'provider-category', categories: [reach] };
};
export const record = (s: Said) =>
  ours(PA_CONSENT, s.out ? 'pa.opted-out.v1' : typeOfIn(s), {
    id: `${s.id}~${mark(s.source)}`,
    subject: M,
    source: 'urn:s',
    at: instant(s.appended),
    data: {
      member: M,
      businessTime: instant(time(s)),
      effective: instant(from(s)),
      setBy: 'member',
      ...(s.out && reachIn(s)),
      ...(!s.out && !isWithdrawal(s) && s.targets.length > 0 && { targets: s.targets.map((npi) => `npi|${npi}`) }),
      ...(s.file !== undefined && { row: optOutRow(payers(s)) }),
    },
  });
const statedIn = ({ out, file, targets, reach = 'all' }: Said) => {
  if (targets.length > 0) return { scope: 'provider-specific', targets: targets.map((npi) => ({ npi })) };
  if ((!out && file === undefined) || reach === 'all') return { scope: 'global' };
  return reach === 'nobody'
    ? { scope: 'purpose-specific', purposes: ['HPAYMT'] }
    : { scope: 'provider-category', categories: [reach] };
};
export const payers = (s: Said): PayerEvent =>
  ({
    id: s.id,
    source: `urn:${s.source}`,
    subject: M,
    time: instant(s.said),
    type: s.out
      ? 'payer.member-opted-out.v2'
      : isWithdrawal(s)
        ? 'payer.opt-out-withdrawn.v1'
        : 'payer.member-opted-in.v2',
    data: {
      setBy: 'member',
      ...(s.file !== undefined && { file: { source: s.file, batch: s.id, asOf: '2026-01-01' } }),
      ...statedIn(s),
      ...(s.from !== undefined && { effectiveFrom: instant(s.from) }),
    },
  }) as PayerEvent;
