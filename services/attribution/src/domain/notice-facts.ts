import type { PayerDays } from '@provider-access/domain/pdex/days';
import { type LinesFact, lineOpens } from '@provider-access/domain/access';
import { addDays, type NoticeFacts } from '@provider-access/domain/pdex/notices';
import { arrivedNotices, membersFacts, type MembersPart } from '@provider-access/facts';

/**
 * What the calendar of notices asks about a person, from the parts of all its ids, in the days of the payer. An
 * enrolment of which nobody says when it was accepted counts as accepted when it was recorded.
 * @param lines the table of lines of business in force, and the present in ms; without it no line postpones a notice
 */
export function personOf(
  parts: readonly MembersPart[],
  days: PayerDays,
  lines?: { readonly table: LinesFact | undefined; readonly now: number },
): Omit<NoticeFacts, 'attributedFrom'> {
  const dayOf = (at: string): string => days.daysAt(Date.parse(at)).first;
  const notices = new Map(parts.flatMap(arrivedNotices).map(({ of, on }) => [`${of}|${on}`, { of, on }]));
  const merges = parts.flatMap(({ merges: each = {} }) => Object.values(each)).toSorted();
  return {
    coverage: parts.flatMap((part) => {
      const facts = membersFacts(part);
      return facts.coverage.map((coverage) => {
        const { coverageId, from, to, recordedAt } = coverage;
        const opens = lines && lineOpens(lines.table, facts, coverage, lines.now);
        return {
          from: dayOf(from),
          ...(to !== undefined && { until: addDays(days.daysAt(Date.parse(to) - 1).last, 1) }),
          accepted: part.accepted?.[coverageId] ?? dayOf(recordedAt),
          ...(opens !== undefined && { opensOn: opens === 'never' ? opens : dayOf(opens) }),
        };
      });
    }),
    notices: [...notices.values()],
    ...(merges.length > 0 && { mergedOn: dayOf(merges.at(-1)!) }),
  };
}
