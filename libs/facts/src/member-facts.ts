import type { MemberFacts } from '@provider-access/access';
import type { ViewDocument } from '@provider-access/views';
import { attributionFacts, type AttributionPart } from './attribution.ts';
import { type ConsentPart, optOutFacts } from './consent.ts';
import { coverageFacts, type MembersPart } from './coverage.ts';
import { holdFacts } from './holds.ts';

export interface MemberFactsDocument { readonly _id: string; readonly members?: MembersPart; readonly attribution?: AttributionPart; readonly consent?: ConsentPart }

/** What a decision reads, from one document of the member facts view. */
export function toMemberFacts(doc: ViewDocument): MemberFacts {
  const { members, attribution, consent } = doc as MemberFactsDocument;
  return {
    member: doc._id,
    sources: [...new Set([...(members?.sources ?? []), ...(attribution?.sources ?? []), ...(consent?.sources ?? [])])],
    coverage: coverageFacts(members),
    attributions: attributionFacts(attribution),
    optOuts: optOutFacts(consent),
    holds: [...holdFacts(attribution?.holds), ...holdFacts(consent?.holds)],
    mergedWith: members?.mergedWith ?? [],
  };
}
