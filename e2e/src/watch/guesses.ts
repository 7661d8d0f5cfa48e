import { expect } from 'vitest';
import type { PlatformProcess } from '@provider-access/cli';
import { eventually } from '@provider-access/testing';
import { http, json, payerEvent, publishAll, registerApp } from '../road.ts';

const NPI = '1467560003';
const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem';
/** Of an app within a day, after which its match is suspended (M77). */
const GUESSES = 1000;

/** The same person each time, with another id. Nobody here has them. */
function guess(id: string): object {
  const patient = { reference: 'Patient/1' };
  const resources = {
    MemberPatient: {
      resourceType: 'Patient',
      id: '1',
      name: [{ family: 'Watched', given: ['Ada'] }],
      gender: 'female',
      birthDate: '1971-03-04',
    },
    CoverageToMatch: {
      resourceType: 'Coverage',
      status: 'active',
      subscriberId: id,
      beneficiary: patient,
      relationship: { coding: [{ system: `${TERMINOLOGY}/subscriber-relationship`, code: 'self' }] },
      payor: [{ reference: 'Organization/payer' }],
    },
    Consent: {
      resourceType: 'Consent',
      status: 'active',
      scope: { coding: [{ system: `${TERMINOLOGY}/consentscope`, code: 'patient-privacy' }] },
      category: [{ coding: [{ system: `${TERMINOLOGY}/v3-ActCode`, code: 'IDSCL' }] }],
      patient,
      dateTime: new Date().toISOString(),
      performer: [{ identifier: { system: 'http://hl7.org/fhir/sid/us-npi', value: NPI } }],
      policy: [{ uri: 'https://clinic.example/attestation' }],
      provision: { type: 'permit' },
    },
  };
  return { name: 'MemberBundle', part: Object.entries(resources).map(([name, resource]) => ({ name, resource })) };
}

/** An app that guesses until its match is suspended, and a reviewer who lifts the suspension by the runbook. */
export async function guessingApp(
  platform: PlatformProcess,
): Promise<{ readonly guess: () => Promise<void>; readonly approveAgain: () => Promise<void> }> {
  const { base, administratorToken } = platform;
  const network = { npi: NPI, status: 'in-network', from: '2020-01-01' };
  await publishAll(platform, [payerEvent('payer.network-status-changed.v1', NPI, network)]);
  const app = await registerApp(platform, { name: 'Guesser', npi: NPI });
  const match = async (parameter: readonly object[]): Promise<number> => {
    const token = await app.tokens.get();
    const answer = await http(`${base}/fhir/Group/$provider-member-match`, {
      method: 'POST',
      token,
      headers: { 'content-type': 'application/fhir+json' },
      body: JSON.stringify({ resourceType: 'Parameters', parameter }),
    });
    // A token from before the suspension is of no use.
    if (answer.status === 401) await app.tokens.get(token);
    return answer.status;
  };
  const decide = async (decision: string, body: object): Promise<void> => {
    const answer = await http(`${base}/auth/clients/${app.clientId}/${decision}`, {
      method: 'POST',
      token: administratorToken,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect([decision, answer.status, answer.body.toString()]).toEqual([decision, 200, expect.anything()]);
  };
  const entries = async (): Promise<readonly string[]> => {
    const answer = await http(`${base}/ops/audit/AuditEvent?outcome=4&agent=${app.clientId}`, {
      token: administratorToken,
    });
    const { entry = [] } = json<{ entry?: readonly { resource: { outcomeDesc?: string } }[] }>(answer);
    return entry.map(({ resource }) => resource.outcomeDesc ?? '');
  };
  return {
    guess: async () => {
      // The first question is no guess, because no other one is near to it.
      for (const all of [['W0'], Array.from({ length: GUESSES }, (_, n) => `W${n + 1}`)])
        await eventually(async () => expect(await match(all.map(guess))).toBe(202), { what: 'the match is accepted' });
      await eventually(async () => expect(await entries()).toContain('match-suspended'), { what: 'the suspension' });
      expect(await match([guess('W')])).toBe(429);
    },
    approveAgain: async () => {
      await decide('suspend', { reason: 'attack-observed', note: 'Guessed ids of members.' });
      await decide('approve', { reason: 'A test sent wrong ids.' });
      await eventually(async () => expect(await match([guess('W0')])).toBe(202), { what: 'the app may match again' });
    },
  };
}
