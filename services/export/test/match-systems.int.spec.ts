import { memberKeys } from '@provider-access/records';
import { afterEach, describe, expect, it } from 'vitest';
import { exportConfig, exportSettings } from '../src/config.ts';
import { Platform } from './harness.ts';
import { bundle, groupsOf, match, namesOf, PAYER } from './match-requests.ts';

const OURS = 'https://payer.example/members';
const FORMER = 'https://former-payer.example/members';
const MB = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MB' }] };

let platform: Platform;
afterEach(() => platform.dispose());

/** The payer has m1, with its own number W1 and the number F1 of a former payer. The index of resources finds them. */
const start = async (systems?: string): Promise<void> => {
  const env = systems === undefined ? {} : { MATCH_MEMBER_ID_SYSTEMS: systems };
  const { memberIdSystems } = exportConfig(exportSettings.parse({ PUBLIC_URL: 'http://test', ...env }));
  platform = await Platform.start({ payerIdentifiers: [PAYER], memberIdSystems }, undefined, 'memory', [memberKeys]);
  await platform.client('c1');
  await platform.members(['m1'], { group: 'g-else', provider: 'npi|1245319599' });
  const patient = {
    ...{ resourceType: 'Patient', id: 'm1', gender: 'male', birthDate: '1965-08-15' },
    name: [{ family: 'Johnson', given: ['Robert'] }],
    identifier: [
      { type: MB, system: OURS, value: 'W1' },
      { type: MB, system: FORMER, value: 'F1' },
    ],
  };
  await platform.resources([{ member: 'm1', type: 'Patient', id: 'm1', resource: patient }]);
  await platform.derived();
};
const matchedBy = async (subscriber: string): Promise<readonly string[]> => {
  const job = await match(platform, bundle(1, { subscriber, family: 'Johnson' }));
  return namesOf((await groupsOf(platform, job))['match']!);
};

describe("M40, M45: the systems of this payer's ids", () => {
  it('are all systems that the payer published, if none is configured', async () => {
    await start();
    expect([await matchedBy('W1'), await matchedBy('F1')]).toEqual([['Patient/m1'], ['Patient/m1']]);
  });
  it('are the configured ones alone: the number of a former payer finds nobody', async () => {
    await start(`urn:oid:2.16.840.1.113883.6.300.7,${OURS}`);
    expect([await matchedBy('W1'), await matchedBy('F1')]).toEqual([['Patient/m1'], []]);
  });
});
