import { PA_CONSENT } from '@provider-access/events';
import type { Projection, TopicEvolve, ViewDocument, ViewReader } from '@provider-access/engines/views';
import { type ConsentsPart, isStatement, type StatedConsent, withStated } from '../consents/statements.ts';

const fromConsent: TopicEvolve<ConsentsPart> = {
  part: 'consents',
  keys: (record) => (isStatement(record) ? [record.headers['ce_subject']!] : []),
  evolve: (part, record, member) => withStated(part, record, member),
  // Only the portal reads this view, and decides nothing by it.
  failed: () => undefined,
};

/**
 * What each member decided, as Consents for the payer's portal (ADR 0101). The facts of the member decide; they have no
 * history, and no reasons.
 */
export const consents: Projection = {
  owner: 'resources',
  name: 'consents',
  version: 2,
  topics: { [PA_CONSENT]: fromConsent },
  lingerMs: 100,
  commitMs: 100,
  indexes: [
    { name: 'by_id', fields: ['consents.ids'], array: true },
    { name: 'represented', fields: ['consents.represented'] },
  ],
};

/** A Consent, and whose decision it is. */
export interface FoundConsent {
  readonly member: string;
  readonly consent: StatedConsent;
}

const consentsIn = (document: ViewDocument | undefined): readonly FoundConsent[] =>
  document === undefined
    ? []
    : (document['consents'] as ConsentsPart).stated.map((consent) => ({ member: document._id, consent }));

/** In the order in which they were recorded. */
export const consentsOf = async (reader: ViewReader, member: string): Promise<readonly FoundConsent[]> =>
  consentsIn(await reader.get(member));

export async function consentWith(reader: ViewReader, id: string): Promise<FoundConsent | undefined> {
  const found = await reader.find({ index: 'by_id', equals: [id], limit: 1 });
  return consentsIn(found[0]).find(({ consent }) => consent.id === id);
}

/** What one member id decided. */
export interface FoundPart {
  readonly member: string;
  readonly part: ConsentsPart;
}
/** Members with a statement of a representative, in the order of their ids, behind the member `after`. */
export async function representedMembers(
  reader: ViewReader,
  limit: number,
  after?: string,
): Promise<readonly FoundPart[]> {
  const found = await reader.find({
    index: 'represented',
    equals: [true],
    limit,
    ...(after !== undefined && { after: { values: [], id: after } }),
  });
  return found.map((document) => ({ member: document._id, part: document['consents'] as ConsentsPart }));
}
