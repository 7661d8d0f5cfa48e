import { z } from 'zod';
import { AUDIT_ACTIONS, namesOf } from './audit-words.ts';

/** Events of the audit (docs/adr/0044-audit-events.md, docs/adr/0049-audit-chain.md). */

const instant = z.string();

/**
 * pa.audit: releases to a client, and refusals. Members are a set. Each read and search has an entry. Releases of a
 * Group (the Group, its files) have one entry an hour, and another only for members who are not in it yet (ADR 0025).
 */
const disclosure = z.object({
  client: z.string(),
  action: z.enum(namesOf(AUDIT_ACTIONS)),
  outcome: z.enum(['released', 'refused']),
  reason: z.string().optional(),
  members: z.array(z.string()),
  /** Resources of the whole response. */
  resources: z.int().nonnegative(),
  /**
   * Resources of each of `members`, in their order. Absent in entries of before: known for an entry of one member
   * alone.
   */
  perMember: z.array(z.int().nonnegative()).optional(),
  types: z.array(z.string()).optional(),
  group: z.string().optional(),
  job: z.string().optional(),
  file: z.string().optional(),
  /** The instant of the newest decision about the members (ADR 0016). `ce_time` has the clock. */
  at: instant,
  /**
   * The names of the parameters, with values that are codes, dates or numbers (ADR 0044). Never names, identifiers or
   * free text.
   */
  query: z.string().optional(),
  /**
   * The route by which the payer's people or systems looked, or were refused for want of a role, as the OpenAPI
   * document names it: `GET /ops/explain`.
   */
  operation: z.string().optional(),
  /** The person of the payer whom the request was about, such as the one whose sessions it ended. Never a member. */
  person: z.string().optional(),
  /** Purpose of use, a code of http://terminology.hl7.org/CodeSystem/v3-ActReason. */
  purpose: z.string().optional(),
  /** The client as it was registered at that moment. `more` counts providers that `providers` leaves out. */
  agent: z.object({ name: z.string(), providers: z.array(z.string()), more: z.int().positive().optional() }).optional(),
  /** Groups by which the release was permitted: to which the members are attributed, or of a match; at most 20. */
  basis: z.array(z.string()).optional(),
  /** Of the action `recall`: its name, and the entries about the member that had what was wrong (ADR 0117). */
  recall: z.object({ name: z.string(), entries: z.array(z.string()) }).optional(),
  /**
   * The number of refusals since the record before of this client, action and reason. Absent: one. Counted are
   * refusals of callers who proved nothing, and 400 and 403 of authenticated clients.
   */
  count: z.int().positive().optional(),
});

/**
 * How far what the decision of an entry came from had been read, for `explain` (ADR 0145). Offsets of the newest record
 * that counted; -1 without one. It stands in the header `ce_paread`, and not in the data, because a release that does
 * not know it copies the data into each document of its view.
 */
export interface ReadUntil {
  /** By topic, for each of `members` of the entry in their order. */
  readonly ofMembers: Readonly<Record<string, readonly number[]>>;
  /** Of apps, providers, the directory and holds of whole sources: by topic, for each partition. */
  readonly ofParties: Readonly<Record<string, readonly number[]>>;
}
/** The name of the attribute of the event. */
export const READ_UNTIL = 'paread';
type Offsets = Readonly<Record<string, readonly number[]>>;
const offsets = (by: Offsets): string =>
  Object.entries(by)
    .map(([topic, all]) => `"${topic}":[${all.join()}]`)
    .join();
const texts = new WeakMap<ReadUntil, string>();
const ofPartiesTexts = new WeakMap<Offsets, string>();
/**
 * The text of the attribute, as JSON. Each answer with data writes one. Names of topics and whole numbers need no
 * escapes, so joining them costs less than `JSON.stringify`. `ofParties` is one object for all entries until a record
 * of them counts, and the whole is one object for all entries about one member. Nobody changes them, so their texts are
 * made once.
 */
export function readUntilText(read: ReadUntil): string {
  let text = texts.get(read);
  if (text === undefined) {
    const { ofMembers, ofParties } = read;
    let parties = ofPartiesTexts.get(ofParties);
    if (parties === undefined) ofPartiesTexts.set(ofParties, (parties = offsets(ofParties)));
    texts.set(read, (text = `{"ofMembers":{${offsets(ofMembers)}},"ofParties":{${parties}}}`));
  }
  return text;
}

const isNumbers = (all: unknown): boolean => Array.isArray(all) && all.every((one) => Number.isSafeInteger(one));
const isOffsets = (by: unknown): by is Offsets =>
  typeof by === 'object' && by !== null && !Array.isArray(by) && Object.values(by).every(isNumbers);

/** What a record of pa.audit says of it. Undefined in entries of before, and of a form that is not known. */
export function readUntilOf(headers: Readonly<Record<string, string>>): ReadUntil | undefined {
  const text = headers[`ce_${READ_UNTIL}`];
  if (text === undefined) return undefined;
  try {
    const { ofMembers, ofParties } = JSON.parse(text) as Readonly<Record<keyof ReadUntil, unknown>>;
    // Without a schema, because each entry of each read comes here.
    return isOffsets(ofMembers) && isOffsets(ofParties) ? { ofMembers, ofParties } : undefined;
  } catch {
    return undefined;
  }
}

/** A digest in hex. */
const digest = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * pa.audit-chain: the records of pa.audit that were appended on one UTC day, as they are in the log. A late record
 * makes another seal of the same day. `n` counts the seals. Each seal has the digest of the one before.
 */
export const auditSealed = z.object({
  n: z.int().nonnegative(),
  /** YYYY-MM-DD */
  day: z.string(),
  /** Absent in the first seal. */
  previous: digest.optional(),
  /** By partition of pa.audit: the records from offset `from` up to before `to`. */
  ranges: z.array(
    z.object({
      partition: z.int().nonnegative(),
      from: z.int().nonnegative(),
      to: z.int().positive(),
      records: z.int().nonnegative(),
      digest,
    }),
  ),
  at: instant,
  /** Of everything above. */
  digest,
});

export type Disclosure = z.infer<typeof disclosure>;
export type AuditSealed = z.infer<typeof auditSealed>;
export const AUDIT_EVENTS = {
  'pa.disclosure.v1': { topic: 'pa.audit', schema: disclosure },
  'pa.audit-sealed.v1': { topic: 'pa.audit-chain', schema: auditSealed },
} as const satisfies Record<string, { topic: string; schema: z.ZodType }>;
