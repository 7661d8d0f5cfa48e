import type { Demographics, Finder, Found } from '@provider-access/domain/pdex/match';
import type { Platform } from './harness.ts';

/** The NPI of the provider to whom the harness binds its apps. */
const ATTESTING = '1234567893';
/** The payer of the Coverages, as PAYER_IDENTIFIERS has it. */
export const PAYER = 'urn:payer|1';
const V3 = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';

export interface Submitted {
  /** The id by which the finder of the tests knows the person. */
  readonly subscriber: string;
  readonly family?: string;
  readonly npi?: string;
  readonly status?: string;
  readonly consentOf?: string;
  readonly period?: object;
}
/** A `MemberBundle` as a provider sends it, with ids of its own. */
export function bundle(place: number, of: Submitted): object {
  const { subscriber, family = `Johnson ${subscriber}`, npi = ATTESTING, status = 'active', period } = of;
  const id = `p${place}`;
  const parts = {
    MemberPatient: {
      resourceType: 'Patient',
      id,
      name: [{ family, given: ['Robert'] }],
      gender: 'male',
      birthDate: '1965-08-15',
    },
    CoverageToMatch: {
      resourceType: 'Coverage',
      id: `c${place}`,
      status: 'active',
      subscriberId: subscriber,
      beneficiary: { reference: `Patient/${id}` },
      relationship: {
        coding: [{ system: 'http://terminology.hl7.org/CodeSystem/subscriber-relationship', code: 'self' }],
      },
      payor: [{ identifier: { system: 'urn:payer', value: '1' } }],
    },
    Consent: {
      resourceType: 'Consent',
      id: `a${place}`,
      status,
      scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
      category: [{ coding: [{ system: V3, code: 'IDSCL' }] }],
      patient: { reference: `Patient/${of.consentOf ?? id}` },
      dateTime: '2026-01-11T09:00:00Z',
      performer: [{ identifier: { system: 'http://hl7.org/fhir/sid/us-npi', value: npi } }],
      policy: [{ uri: 'https://clinic.example/treatment-attestation' }],
      provision: { type: 'permit', ...(period !== undefined && { period }) },
    },
  };
  return { name: 'MemberBundle', part: Object.entries(parts).map(([name, resource]) => ({ name, resource })) };
}
export const requestOf = (...all: readonly object[]): string =>
  JSON.stringify({ resourceType: 'Parameters', parameter: all });

/** An id that several members have. */
export const AMBIGUOUS = 'S-of-several';
/** Finds by the subscriber id alone, and counts its queries. */
export class TestFinder implements Finder {
  queries = 0;
  readonly #members: ReadonlyMap<string, string>;
  constructor(members: Readonly<Record<string, string>>) {
    this.#members = new Map(Object.entries(members));
  }
  find(of: readonly Demographics[]): Promise<readonly Found[]> {
    this.queries += 1;
    return Promise.resolve(
      of.map(({ subscriberId = '' }) => {
        if (subscriberId === AMBIGUOUS) return { miss: 'several' };
        const member = this.#members.get(subscriberId);
        return member === undefined ? { miss: 'nobody' } : { member };
      }),
    );
  }
}

export const post = async (
  platform: Platform,
  body: string,
  options: { token?: string; headers?: Record<string, string> } = {},
): Promise<Response> =>
  platform.fetch('/fhir/Group/$provider-member-match', {
    ...(options.token !== undefined && { token: options.token }),
    method: 'POST',
    headers: { 'content-type': 'application/fhir+json', prefer: 'respond-async', ...options.headers },
    body,
  });
/** @returns the path of the job */
export async function match(platform: Platform, ...all: readonly object[]): Promise<string> {
  const response = await post(platform, requestOf(...all));
  if (response.status !== 202) throw new Error(`match ${response.status}: ${await response.text()}`);
  return response.headers.get('content-location')!.replace('http://test', '');
}

export interface ResultGroup {
  readonly id: string;
  readonly code: { readonly coding: readonly [{ readonly code: string }] };
  readonly meta: { readonly profile?: readonly string[] };
  readonly quantity: number;
  readonly contained?: readonly { readonly id: string; readonly resourceType: string }[];
  readonly member?: readonly { readonly entity: { readonly reference: string } }[];
}
/** The Groups of a sealed job, by their codes. */
export async function groupsOf(platform: Platform, job: string): Promise<Readonly<Record<string, ResultGroup>>> {
  const { Group = [] } = await platform.lines(await platform.manifest(job));
  return Object.fromEntries(
    (Group as unknown as ResultGroup[]).map((group) => [group.code.coding[0].code, group] as const),
  );
}
export const namesOf = ({ member = [] }: ResultGroup): readonly string[] =>
  member.map(({ entity }) => entity.reference);
