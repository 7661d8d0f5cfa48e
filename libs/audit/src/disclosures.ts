import { type Disclosure, PA_AUDIT } from '@provider-access/events';
import type { LogRecord } from '@provider-access/eventlog';
import type { Projection, TopicEvolve, ViewReader } from '@provider-access/views';

export interface DisclosurePart extends Omit<Disclosure, 'members'> { readonly member: string }

const utf8 = new TextDecoder();

/** An entry may name 50,000 members: it is parsed once, not once a member. */
function disclosureTopic(): TopicEvolve<DisclosurePart> {
  const parsed = new WeakMap<LogRecord, Disclosure>();
  const entryOf = (record: LogRecord): Disclosure => {
    let entry = parsed.get(record);
    if (entry === undefined) parsed.set(record, (entry = JSON.parse(utf8.decode(record.value)) as Disclosure));
    return entry;
  };
  return {
    part: 'disclosure',
    blind: true,
    keys: (record) => {
      if (record.headers['ce_type'] !== 'pa.disclosure.v1') return [];
      return [...new Set(entryOf(record).members)].map((member) => `${member}/${record.headers['ce_id']}`);
    },
    evolve: (_, record, key) => {
      const { members: _all, ...entry } = entryOf(record);
      return { ...entry, member: key.slice(0, key.indexOf('/')) };
    },
  };
}

/** One document per (member, disclosure): who saw what of a member, and who was refused. Written in larger pieces: what is durable is the log. */
export const disclosures: Projection = {
  owner: 'audit', name: 'disclosures', version: 1,
  topics: { [PA_AUDIT]: disclosureTopic() },
  lingerMs: 100,
  indexes: [{ name: 'by_member', fields: ['disclosure.member', 'disclosure.at'] }],
};

/** Disclosures of a member, newest first, at most `limit`. */
export async function disclosuresOf(reader: ViewReader, member: string, limit: number): Promise<readonly DisclosurePart[]> {
  const docs = await reader.find({ index: 'by_member', equals: [member], order: 'desc', limit });
  return docs.map((doc) => doc['disclosure'] as DisclosurePart);
}
