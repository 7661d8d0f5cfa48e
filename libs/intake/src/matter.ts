import { isObject } from '@provider-access/fhir';
import { PAYER_CONTRACT, providerKeys } from '@provider-access/events';
import { patientOfConsent } from '@provider-access/domain/pdex';
import type { Hold } from './access-holds.ts';
import { idMeant } from './meant-id.ts';
import { RESTRICTING } from './resources.ts';

/**
 * What a payer's event is about: its type, and the members and providers that it names. For a dead letter, as far as it
 * can be read.
 */
export interface Matter {
  /** The type in its newest version; undefined if no known type can be read. */
  readonly type: string | undefined;
  /** For a resource event that can be read, and whose resource can restrict access: `Coverage` or `Consent`. */
  readonly resourceType?: string;
  /** Member ids, `npi|…` and `tin|…`. */
  readonly names: readonly string[];
}

/** Replaces a type that is none of ours, so that names that a producer chose are not repeated. */
export const UNKNOWN_TYPE = 'unknown';

export const MERGED = 'payer.members-merged.v1';

/**
 * What an event is about. Pure.
 * @param member the subject, if it can be read and is an id
 * @param data as it was decoded, valid or not
 */
export function matterOf(type: string | undefined, member: string | undefined, data: unknown): Matter {
  const known = type === undefined ? undefined : PAYER_CONTRACT.closest(type);
  const { from, resourceType, resource, ...identifiers } = isObject(data) ? data : {};
  const names = [...(member === undefined ? [] : [member])];
  const retired = known === MERGED ? idMeant(from) : undefined;
  if (retired !== undefined) names.push(retired);
  if (known === 'payer.network-status-changed.v1') names.push(...identifiersOf(identifiers, member));
  const about = isObject(resource) ? resource['resourceType'] : resourceType;
  const patient = isObject(resource) && about === 'Consent' ? patientOfConsent(resource) : undefined;
  if (patient !== undefined) names.push(patient);
  return {
    type: known,
    ...(typeof about === 'string' && RESTRICTING.has(about) && { resourceType: about }),
    names: [...new Set(names)],
  };
}

/**
 * Whom a hold denies, in the form of its dead letter's matter. Another release may have stored the hold under an older
 * version of the type.
 */
export function matterOfHold(held: Hold, contract: Pick<typeof PAYER_CONTRACT, 'newest'> = PAYER_CONTRACT): Matter {
  const { eventType, member, others = [], providers = [] } = held;
  return {
    type: eventType === UNKNOWN_TYPE ? undefined : contract.newest(eventType),
    names: [...(member === undefined ? [] : [member]), ...others, ...providers],
  };
}

/**
 * The fault of an event, with the ids that its hold leaves out. A reader of a merge's dead letter must know that the
 * member behind an unreadable id is not denied.
 */
export function detailOfHeld(detail: string, held: Hold | undefined): string {
  const one = held?.eventType === MERGED && held.member !== undefined && (held.others ?? []).length === 0;
  return one ? `${detail}; only one of the two ids could be read: the member of the other one is not held` : detail;
}

/** A type without its version: a correction may have another version. */
const nameOf = (type: string | undefined): string | undefined => type?.replace(/\.v\d+$/, '');

/**
 * How an event differs from the matter of a dead letter, as far as that can be read; undefined if it does not differ.
 */
export function differenceOf(original: Matter, event: Matter): 'type' | 'subject' | undefined {
  if (original.type !== undefined && nameOf(original.type) !== nameOf(event.type)) return 'type';
  if (original.resourceType !== undefined && original.resourceType !== event.resourceType) return 'type';
  return original.names.every((name) => event.names.includes(name)) ? undefined : 'subject';
}

const NPI = /^\d{10}$/;
const TIN = /^\d{2}-?\d{7}$/;
const matching = (value: unknown, pattern: RegExp): string | undefined =>
  typeof value === 'string' && pattern.test(value) ? value : undefined;

/** All provider identifiers that can be read from the data and the subject of an event about a provider. */
export function identifiersOf(data: unknown, subject: string | undefined): ReturnType<typeof providerKeys> {
  const { npi, tin } = isObject(data) ? data : {};
  return [
    ...new Set([
      ...providerKeys({ npi: matching(npi, NPI), tin: matching(tin, TIN) }),
      ...providerKeys({ npi: matching(subject, NPI), tin: matching(subject, TIN) }),
    ]),
  ];
}
