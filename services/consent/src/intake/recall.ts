import { PA_CONSENT, typeOf, dataOf } from '@provider-access/events';
import { type EventLog, partitionFor, recordsFrom } from '@provider-access/engines/log';
import type { Facts, MemberFactsDocument } from '@provider-access/facts';
import { EMPTY, type Register, type RegisterEntry, withEntry } from './register.ts';

const TYPES = new Set<string | undefined>([
  'pa.opted-out.v1',
  'pa.opted-in.v1',
  'pa.provider-opted-in.v1',
  'pa.opt-out-withdrawn.v1',
  'pa.access-held.v1',
  'pa.access-released.v1',
] satisfies RegisterEntry['type'][]);
/** The suffix that `derivedEventId` adds to the id of the payer's event. */
const DERIVED = /~[A-Za-z0-9_-]{10}(~\d+)?$/;

/**
 * The statements under a member id that can still decide, and the ids of the same person, from the log. This is for a
 * register that is missing although the facts show that there was one, because the state store was lost. Reads a
 * partition of pa.consent from its beginning; undefined for a member without any statement.
 */
export function recallFrom(
  log: EventLog,
  facts: Pick<Facts, 'reader'>,
): (member: string) => Promise<Register | undefined> {
  return async (member) => {
    const known = (await facts.reader.get(member)) as MemberFactsDocument | undefined;
    const links = known?.members?.mergedWith ?? [];
    const spoken =
      known?.consent?.outs !== undefined ||
      known?.consent?.ins !== undefined ||
      known?.consent?.providerIns !== undefined ||
      known?.consent?.withdrawals !== undefined ||
      known?.consent?.holds !== undefined;
    if (!spoken) return links.length === 0 ? undefined : { links, said: [] };
    const partition = partitionFor(member, await log.partitions(PA_CONSENT));
    let register: Register = { ...EMPTY, links };
    for await (const { headers, value } of recordsFrom(log, PA_CONSENT, partition)) {
      if (headers['ce_subject'] !== member || !TYPES.has(typeOf({ headers }))) continue;
      const { member: _, ...data } = dataOf<Record<string, unknown>>({ value });
      const { traceparent } = headers;
      const cause = {
        id: headers['ce_id']!.replace(DERIVED, ''),
        source: headers['ce_pasource'] ?? '',
        ...(traceparent !== undefined && { traceparent }),
      };
      register = withEntry(register, {
        type: headers['ce_type'] as RegisterEntry['type'],
        cause,
        at: headers['ce_time']!,
        data,
      });
    }
    return register;
  };
}
