import {
  type AccessRequest,
  type ClientFacts,
  decide,
  type Decision,
  type MemberFacts,
  type PartyFacts,
  type Purpose,
  standing,
  type StandingDecision,
} from '@provider-access/domain/access';
import type { ViewDocument } from '@provider-access/engines/views';
import { toMemberFacts } from './member-facts.ts';

/** Facts of an app and of all other parties, as a decision found them. */
interface Asked {
  readonly group: Purpose['group'];
  readonly also: Purpose['also'];
  readonly client: ClientFacts;
  readonly changes: number;
  /** Absent after the first question, because most members are asked for once. */
  readonly standing?: StandingDecision;
}
interface Known {
  readonly facts: MemberFacts;
  /** When the newest statement about the member was recorded, ms since the epoch. */
  readonly asOf: number;
  /** The last question about the member without a Group, and the last one with one. */
  asked?: Asked;
  askedInGroup?: Asked;
}

/** Cached by document: while nothing changes in it, a view gives the same document again (`keepDecoded`). */
const known = new WeakMap<ViewDocument, Known>();
function knownOf(document: ViewDocument): Known {
  let found = known.get(document);
  if (found === undefined) {
    const facts = toMemberFacts(document);
    const asOf = facts.asOf === undefined ? Number.NEGATIVE_INFINITY : Date.parse(facts.asOf);
    known.set(document, (found = { facts, asOf }));
  }
  return found;
}
export const factsOf = (document: ViewDocument): MemberFacts => knownOf(document).facts;

/** Whether a question was about the same list. Nothing else of a purpose decides. */
const isOfGroup = ({ group, also }: Asked, purpose: Purpose): boolean =>
  group === purpose.group && also?.group === purpose.also?.group && also?.since === purpose.also?.since;

/** Party facts that count their changes. */
export type CountedParties = PartyFacts & { changes(): number };

/**
 * Decides about the member of a document. If it was asked before, the decision stands while the document, the facts of
 * the app and all facts of parties are the same ones, and until the next instant in them (ADR 0161). Whether the facts
 * are fresh the caller has to know for each question.
 * @param at `request.now`, ms since the epoch. It is not before `party.asOf()`.
 */
export function decideKnown(
  request: AccessRequest,
  at: number,
  document: ViewDocument,
  party: CountedParties,
): Decision {
  const of = knownOf(document);
  const facts = { member: of.facts, party };
  const client = party.client(request.client);
  if (client === undefined || request.past === true) return decide(request, facts);
  const { group, also } = request.purpose;
  const which = group === undefined ? 'asked' : 'askedInGroup';
  const changes = party.changes();
  const asked = of[which];
  if (asked?.client !== client || asked.changes !== changes || !isOfGroup(asked, request.purpose)) {
    of[which] = { client, changes, group, also };
    return decide(request, facts);
  }
  const now = Math.max(at, of.asOf);
  let stands = asked.standing;
  if (stands === undefined || now < stands.from || now >= stands.until) {
    stands = standing(request, facts);
    of[which] = { client, changes, group, also, standing: stands };
  }
  return stands.decision;
}
