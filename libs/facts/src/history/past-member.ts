import type { MemberFacts } from '@provider-access/domain/access';
import type { LogRecord } from '@provider-access/engines/log';
import { PA_ATTESTATIONS } from '@provider-access/events';
import type { TopicEvolve } from '@provider-access/engines/views';
import type { MembersPart } from '../coverage.ts';
import { toMemberFacts } from '../member-facts.ts';
import { memberFacts } from '../projections.ts';
import { eventIdOf, recordedAt, typeOfRecord } from '../record.ts';

const HOLDS: ReadonlySet<string> = new Set(['pa.access-held.v1', 'pa.access-released.v1']);

/**
 * A record as if it had been recorded at `at` (RFC 3339) at the latest. The folds drop what cannot decide any more when
 * a statement is recorded (ADR 0017). So a question about a time before that still finds what decided then. Holds and
 * attestations count from their record on, so they keep its time.
 */
function notAfter(record: LogRecord, at: string): LogRecord {
  if (record.topic === PA_ATTESTATIONS || HOLDS.has(typeOfRecord(record))) return record;
  const time = record.headers['ce_time'];
  return {
    ...record,
    timestamp: Math.min(record.timestamp, Date.parse(at)),
    headers: { ...record.headers, ...(time !== undefined && time > at && { ce_time: at }) },
  };
}

/** The facts about a member after some of the statements, by the folds of the present. */
export class PastMember {
  readonly member: string;
  readonly #parts: Record<string, unknown> = {};
  /** When statements were recorded that were taken as recorded earlier, by the id of their event. */
  readonly #late = new Map<string, string>();

  constructor(member: string) {
    this.member = member;
  }

  /**
   * Takes one more record, in the order of its topic.
   * @param at the instant of the question, RFC 3339, if it is before what is known
   */
  take(record: LogRecord, at?: string): void {
    const topic = memberFacts.topics[record.topic] as TopicEvolve;
    if (!topic.keys(record).includes(this.member)) return;
    const said = at === undefined ? record : notAfter(record, at);
    if (said.timestamp < record.timestamp) this.#late.set(eventIdOf(record), recordedAt(record));
    const before = this.#parts[topic.part];
    let after: unknown;
    try {
      after = topic.evolve(before, said, this.member);
    } catch {
      after = topic.failed === undefined ? null : topic.failed(before, said, this.member);
    }
    if (after === null) delete this.#parts[topic.part];
    else if (after !== undefined) this.#parts[topic.part] = after;
  }

  /** What pa.members said; undefined if nothing. */
  get members(): MembersPart | undefined {
    return this.#parts['members'] as MembersPart | undefined;
  }
  /** Undefined if nothing was said about the member. */
  facts(): MemberFacts | undefined {
    if (Object.keys(this.#parts).length === 0) return undefined;
    const facts = toMemberFacts({ _id: this.member, ...this.#parts });
    if (this.#late.size === 0) return facts;
    const { coverage, attributions, optOuts, plans, notices } = facts;
    return {
      ...facts,
      coverage: this.#asRecorded(coverage),
      attributions: this.#asRecorded(attributions),
      optOuts: this.#asRecorded(optOuts),
      ...(plans !== undefined && { plans: this.#asRecorded(plans) }),
      ...(notices !== undefined && { notices: this.#asRecorded(notices) }),
    };
  }
  /** With the times at which the facts were really recorded. No decision of the past reads them. */
  #asRecorded<Fact extends { readonly event: string; readonly recordedAt: string }>(facts: readonly Fact[]): Fact[] {
    return facts.map((fact) => ({ ...fact, recordedAt: this.#late.get(fact.event) ?? fact.recordedAt }));
  }
}
