import { type AccessRequest, decide, type Decision, decisionTime, type MemberFacts } from './decide.ts';
import type { PartyFacts } from './facts.ts';

/** A decision, and the instants between which it stays so while the facts stay: [from, until), ms since the epoch. */
export interface StandingDecision {
  readonly decision: Decision;
  readonly from: number;
  readonly until: number;
}

const BEGINS_WITH_DATE = /^\d{4}-\d\d-\d\d/;
/** Adds each instant in the facts, whatever it means. One that no rule compares makes the time shorter, not wrong. */
function addInstants(found: Set<number>, facts: unknown): void {
  if (typeof facts === 'string') {
    if (BEGINS_WITH_DATE.test(facts)) found.add(Date.parse(facts));
  } else if (facts instanceof Map) for (const value of facts.values()) addInstants(found, value);
  else if (typeof facts === 'object' && facts !== null)
    for (const value of Object.values(facts)) addInstants(found, value);
}

/**
 * As `decide`, with the time for which the decision holds. A decision compares the clock only with instants in the
 * facts that it has asked for. So it stays until the next of them, and no rule has to say which of them it looks at.
 */
export function standing(
  request: AccessRequest,
  { member, party }: { readonly member: MemberFacts; readonly party: PartyFacts },
): StandingDecision {
  const found = new Set<number>();
  const noted = <T>(facts: T): T => {
    addInstants(found, facts);
    return facts;
  };
  const watched: PartyFacts = {
    client: (id) => noted(party.client(id)),
    network: (provider) => noted(party.network(provider)),
    sourceHolds: (source) => noted(party.sourceHolds(source)),
    identity: (provider) => party.identity(provider),
    specialties: (provider) => party.specialties(provider),
    deactivated: (provider) => party.deactivated(provider),
    lines: () => noted(party.lines()),
    holdsUntilNotice: party.holdsUntilNotice === true,
    asOf: () => party.asOf(),
  };
  const decision = decide(request, { member: noted(member), party: watched });
  const at = decisionTime(request, { member, party });
  let [from, until] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const boundary of found)
    if (boundary <= at) from = Math.max(from, boundary);
    else if (boundary > at) until = Math.min(until, boundary);
  return { decision, from, until };
}
