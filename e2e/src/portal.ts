import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Fresh } from './harness.ts';

/** The requests of the payer's portal for members. */

export const FHIR = 'application/fhir+json';
const NPI = 'http://hl7.org/fhir/sid/us-npi';
export const TERMS = 'http://terminology.hl7.org/CodeSystem/';
export const PURPOSE = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/pdex-consent-api-purpose';
export const coded = (system: string, code: string): object => ({ coding: [{ system, code }] });

/** A Consent as the example of PDex 2.2.0 has it. */
export const consent = (
  member: string,
  type: 'deny' | 'permit',
  npis: readonly string[] = [],
  over: object = {},
): object => ({
  resourceType: 'Consent',
  status: 'active',
  scope: coded(`${TERMS}consentscope`, 'patient-privacy'),
  category: [coded(`${TERMS}v3-ActCode`, 'IDSCL'), coded(PURPOSE, 'provider-access')],
  patient: { reference: `Patient/${member}` },
  performer: [{ reference: `Patient/${member}` }],
  organization: [{ reference: 'Organization/payer' }],
  policyRule: coded(`${TERMS}consentpolicycodes`, 'cric'),
  provision: {
    type,
    period: { start: '2026-01-01' },
    actor: [
      {
        role: coded(`${TERMS}provenance-participant-type`, 'performer'),
        reference: { reference: 'Organization/payer' },
      },
      ...npis.map((value) => ({
        role: coded(`${TERMS}v3-ParticipationType`, 'IRCP'),
        reference: { identifier: { system: NPI, value } },
      })),
    ],
    action: [coded(`${TERMS}consentaction`, 'disclose')],
  },
  ...over,
});

/** The token of the portal. */
export const portalToken = (fresh: Fresh): string =>
  readFileSync(join(fresh.platform().dataDir, 'member-portal.token'), 'utf8').trim();
