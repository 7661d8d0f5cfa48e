import { PayerDays } from '@provider-access/domain/pdex/days';
import { addDays, nextNotice } from '@provider-access/domain/pdex/notices';
import { PA_MEMBERS } from '@provider-access/events';
import { evolveMembers, type MembersPart } from '@provider-access/facts';
import type { Projection, TopicEvolve } from '@provider-access/engines/views';
import { personOf } from '../domain/notice-facts.ts';

/** What the calendar of notices needs of one id of a person. */
export interface NoticesDuePart extends MembersPart {
  /** No notice is due before this day. It is the key of the index, and not the due day itself. */
  readonly due: string;
}

/** The first and the last day of the index. */
const ALWAYS = '0001-01-01';
const NEVER = '9999-12-31';
const UTC = new PayerDays(['UTC']);
/** A day of the payer and the UTC day of the same instant differ by less than two days. */
const MARGIN = 2;

/**
 * The earliest day on which something may be due. Of a person with several ids all parts count together, so each of
 * them is always looked at; there are few. Coverage that was over when somebody reported it needs no notice.
 */
function earliest(part: MembersPart, recordedOn: string): string {
  if ((part.mergedWith?.length ?? 0) > 0) return ALWAYS;
  // A provider may see the data as soon as the coverage begins.
  const next = nextNotice({ ...personOf([part], UTC), attributedFrom: ALWAYS }, addDays(recordedOn, -MARGIN));
  return next === undefined ? NEVER : addDays(next.due, -MARGIN);
}

const membersTopic: TopicEvolve<NoticesDuePart> = {
  part: 'members',
  keys: ({ headers }) => (headers['ce_subject'] === undefined ? [] : [headers['ce_subject']]),
  evolve: (part, record) => {
    const next = evolveMembers(part, record);
    return next && { ...next, due: earliest(next, new Date(record.timestamp).toISOString().slice(0, 10)) };
  },
  // The list then shows more than is due, and not less.
  failed: (part) => ({ coverage: {}, sources: [], ...part, due: ALWAYS }),
};

/**
 * One document for each member id, by the day before which no notice is due. What is due then follows from the
 * documents of the person, the calendar of the payer and the clock (ADR 0106).
 */
export const notices: Projection = {
  owner: 'attribution',
  name: 'notices',
  version: 1,
  topics: { [PA_MEMBERS]: membersTopic },
  indexes: [{ name: 'by_due', fields: ['members.due'] }],
  lingerMs: 1000,
};
