import { PAYER_CONTRACT, providerKeys } from '@provider-access/events';
import { patientOfConsent } from '@provider-access/domain/pdex';
import type { Hold } from './access-holds.ts';
import { idMeant } from './meant-id.ts';

/**
 * What a payer's event is about: its type, and the members and providers that it names. Of a dead letter as far as it
 * can be read.
 */
export interface Matter {
  /** In its newest version. undefined: no known type can be read. */
  readonly type: string | undefined;
  /** Of a resource event, where it can be read and the resource can restrict access: `Coverage` or `Consent`. */
  readonly resourceType?: string;
  /** Member ids, `npi|…` and `tin|…`. */
  readonly names: readonly string[];
}

/** In place of the type of an event that has none of ours: names that a producer chose are not repeated. */
export const UNKNOWN_TYPE = 'unknown';

export const MERGED = 'payer.members-merged.v1';
/** Resources that can restrict access. A correction may give any other resource its true type. */
const RESTRICTING = new Set(['Coverage', 'Consent']);

/**
 * What an event is about. Pure.
 * @param member the subject, where it can be read and is an id
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

/** Whom a hold denies, as what its dead letter was about. */
export function matterOfHold(held: Hold): Matter {
  const { eventType, member, others = [], providers = [] } = held;
  return {
    type: eventType === UNKNOWN_TYPE ? undefined : eventType,
    names: [...(member === undefined ? [] : [member]), ...others, ...providers],
  };
}

/**
 * What is wrong with an event, with whom its hold leaves out. Whoever reads the dead letter of a merge must know that
 * the member of an id that could not be read is not denied.
 */
export function detailOfHeld(detail: string, held: Hold | undefined): string {
  const one = held?.eventType === MERGED && held.member !== undefined && (held.others ?? []).length === 0;
  return one ? `${detail}; only one of the two ids could be read: the member of the other one is not held` : detail;
}

/** In what an event differs from what a dead letter is about, as far as that can be read; undefined: in nothing. */
export function differenceOf(original: Matter, event: Matter): 'type' | 'subject' | undefined {
  if (original.type !== undefined && original.type !== event.type) return 'type';
  if (original.resourceType !== undefined && original.resourceType !== event.resourceType) return 'type';
  return original.names.every((name) => event.names.includes(name)) ? undefined : 'subject';
}

const NPI = /^\d{10}$/;
const TIN = /^\d{2}-?\d{7}$/;
const matching = (value: unknown, pattern: RegExp): string | undefined =>
  typeof value === 'string' && pattern.test(value) ? value : undefined;
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every provider identifier that can be read from the data and the subject of an event about a provider. */
export function identifiersOf(data: unknown, subject: string | undefined): ReturnType<typeof providerKeys> {
  const { npi, tin } = isObject(data) ? data : {};
  return [
    ...new Set([
      ...providerKeys({ npi: matching(npi, NPI), tin: matching(tin, TIN) }),
      ...providerKeys({ npi: matching(subject, NPI), tin: matching(subject, TIN) }),
    ]),
  ];
}
