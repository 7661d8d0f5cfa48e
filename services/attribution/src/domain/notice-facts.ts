import type { PayerDays } from '@provider-access/domain/pdex/days';
import { addDays, type NoticeFacts } from '@provider-access/domain/pdex/notices';
import { arrivedNotices, membersFacts, type MembersPart } from '@provider-access/facts';

/**
 * What the calendar of notices asks about a person, from the parts of all its ids, in the days of the payer. An
 * enrolment of which nobody says when it was accepted counts as accepted when it was recorded.
 */
export function personOf(parts: readonly MembersPart[], days: PayerDays): Omit<NoticeFacts, 'attributedFrom'> {
  const dayOf = (at: string): string => days.daysAt(Date.parse(at)).first;
  const notices = new Map(parts.flatMap(arrivedNotices).map(({ of, on }) => [`${of}|${on}`, { of, on }]));
  const merges = parts.flatMap(({ merges: each = {} }) => Object.values(each)).toSorted();
  return {
    coverage: parts.flatMap((part) =>
      membersFacts(part).coverage.map(({ coverageId, from, to, recordedAt }) => ({
        from: dayOf(from),
        ...(to !== undefined && { until: addDays(days.daysAt(Date.parse(to) - 1).last, 1) }),
        accepted: part.accepted?.[coverageId] ?? dayOf(recordedAt),
      })),
    ),
    notices: [...notices.values()],
    ...(merges.length > 0 && { mergedOn: dayOf(merges.at(-1)!) }),
  };
}
