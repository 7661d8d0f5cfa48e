import type { Explained } from './requests.ts';
import { changeIn, factIn, isEver, type Say, type Speech, whyIn } from './said.ts';

type Verdict = Explained['now'];
type Dated = Speech['date'];

/** The answer in sentences, with both times (APPS.md P19). The first one is the decision. */
export function sentencesOf(answer: Explained, t: Say, date: Dated): readonly string[] {
  const { at, known, later, survivor, changes = [], next, now } = answer;
  const app = answer.clientFacts?.name ?? answer.client;
  const values = (verdict: Verdict) => ({
    ...{ app, at: date(at), known: date(known), why: whyIn(t, verdict.reason) },
    before: verdict.unknownBefore === undefined ? '?' : date(verdict.unknownBefore),
  });
  const isOne = at === known;
  const decided = t(`explain.${answer.decision}${isOne ? '' : '.two'}`, values(answer));
  const isSame = later !== undefined && later.decision === answer.decision && later.reason === answer.reason;
  const withheld = answer.withheld?.resources ?? 0;
  return [
    decided,
    ...(later?.learned ?? []).map(({ kind, recordedAt, from, to, ended }) => {
      const when = ended === true ? to! : from;
      const key = isEver(when)
        ? 'explain.learned.always'
        : ended === true
          ? 'explain.learned.ended'
          : 'explain.learned';
      return t(key, { recorded: date(recordedAt), what: factIn(t, kind), when: isEver(when) ? '' : date(when) });
    }),
    ...(later === undefined
      ? []
      : [isSame ? t('explain.same') : t(`explain.later.${later.decision}`, { why: whyIn(t, later.reason) })]),
    ...(survivor === undefined
      ? []
      : [t('explain.survivor', { member: survivor.member, answer: t(`answer.${survivor.decision}`) })]),
    ...(changes.length === 0
      ? []
      : [t('explain.changes', { what: changes.map(({ change }) => changeIn(t, change)).join('; ') })]),
    ...(next === undefined || next.decision === 'unknown'
      ? []
      : [t(`explain.next.${next.decision}`, { at: date(next.at), why: whyIn(t, next.reason) })]),
    t(`explain.now.${now.decision}`, { why: whyIn(t, now.reason) }),
    ...(withheld === 0 ? [] : [t('explain.withheld', { count: withheld })]),
  ];
}
