import type { MemberFacts } from '@provider-access/domain/access';
import type { ViewDocument } from '@provider-access/engines/views';
import { attestationFacts, attestationsRecorded, type AttestationsPart } from './attestations.ts';
import { attributionFacts, attributionFileSteps, type AttributionPart } from './attribution.ts';
import { type ConsentPart, optOutFacts } from './consent.ts';
import { membersFacts, type MembersPart, membersSteps } from './coverage.ts';
import { holdFacts } from './holds.ts';
import { EVER } from './steps.ts';

export interface MemberFactsDocument {
  readonly _id: string;
  readonly members?: MembersPart;
  readonly attribution?: AttributionPart;
  readonly consent?: ConsentPart;
  readonly attestations?: AttestationsPart;
}

/**
 * The input of a decision, from one document of the member facts view. A member whose document cannot be read is
 * denied.
 */
export function toMemberFacts(doc: ViewDocument | MemberFactsDocument): MemberFacts {
  try {
    return read(doc as MemberFactsDocument);
  } catch {
    const holds = [{ deadLetter: 'unreadable-facts', eventType: 'unknown', from: EVER }];
    return { member: doc._id, sources: [], coverage: [], attributions: [], optOuts: [], holds, mergedWith: [] };
  }
}

function read(doc: MemberFactsDocument): MemberFacts {
  const { members, attribution, consent } = doc;
  const asOf = newestOf(doc);
  const attestations = attestationFacts(doc.attestations);
  const since = [attribution?.since, consent?.since, doc.attestations?.since].reduce((a, b) =>
    a === undefined || (b !== undefined && b > a) ? b : a,
  );
  return {
    member: doc._id,
    sources: [...new Set([...(members?.sources ?? []), ...(attribution?.sources ?? []), ...(consent?.sources ?? [])])],
    ...membersFacts(members),
    attributions: attributionFacts(attribution),
    ...(attestations.length > 0 && { attestations }),
    optOuts: optOutFacts(consent),
    holds: [...holdFacts(members?.holds), ...holdFacts(attribution?.holds), ...holdFacts(consent?.holds)],
    ...(asOf !== undefined && { asOf }),
    ...(since !== undefined && { completeFrom: since }),
  };
}

/**
 * When the newest statement of the document was recorded. For a continued span it is the time when the span was first
 * seen.
 */
function newestOf({ members, attribution, consent, attestations }: MemberFactsDocument): string | undefined {
  const groups = [...Object.values(attribution?.groups ?? {}), ...Object.values(attribution?.ends ?? {})];
  const steps = [
    ...membersSteps(members),
    ...groups.flatMap((group) => group.steps),
    ...attributionFileSteps(attribution),
  ];
  const holds = [...Object.values(attribution?.holds ?? {}), ...Object.values(consent?.holds ?? {})];
  let newest: string | undefined;
  for (const at of [
    ...[...steps, ...(consent?.outs ?? []), ...(consent?.ins ?? [])].map(({ recordedAt }) => recordedAt),
    ...(members?.notices ?? []).map(({ recordedAt }) => recordedAt),
    ...attestationsRecorded(attestations),
    consent?.at,
    ...holds.flatMap(({ from, until }) => [from, until]),
  ]) {
    if (at !== undefined && (newest === undefined || at > newest)) newest = at;
  }
  return newest;
}
