import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { npiOf } from '@provider-access/synthetic';
import { eventually } from '@provider-access/testing';
import { describeUnless } from './describe-unless.ts';
import { freshPlatform } from './harness.ts';
import { consent, FHIR, portalToken } from './portal.ts';
import { http, json, payerEvent, tell } from './road.ts';
import { errorsOf, HAS_VALIDATOR } from './validator.ts';
import { LIMITS } from './world/context.ts';

interface Bundle {
  readonly entry?: readonly { readonly resource: { readonly id: string } }[];
}
const OUT = 'payer.member-opted-out.v2';
const IN = 'payer.member-opted-in.v2';
const PROOF = { kind: 'court', reference: 'RelatedPerson/r1', verifiedBy: 'desk' };
const BY = { setBy: 'personal-representative', proof: PROOF };
const PAYERS = ['urn:oid:2.16.840.1.113883.6.300|67890', 'Organization/them', 'my other plan'];
/** Each form that a statement takes in a Consent. */
const STATED: readonly (readonly [type: string, data: object])[] = [
  [OUT, { scope: 'global' }],
  [OUT, { scope: 'provider-specific', targets: [{ tin: '123456789' }], setBy: 'payer' }],
  [OUT, { scope: 'provider-category', categories: ['207RC0000X'], reason: 'my own words' }],
  [OUT, { scope: 'payer-specific', payers: PAYERS, reason: 'data-security' }],
  [OUT, { scope: 'purpose-specific', purposes: ['HPAYMT', 'TREAT'] }],
  [OUT, { scope: 'purpose-specific', purposes: ['my bills'], ...BY }],
  [OUT, { scope: 'global', setBy: 'personal-representative' }],
  ['payer.member-opted-out.v1', { scope: 'payer-specific' }],
  [IN, { scope: 'provider-specific', targets: [{ tin: '123456789' }] }],
  [IN, { setBy: 'personal-representative', proof: { ...PROOF, reference: 'case 7' } }],
  [OUT, { scope: 'global', effectiveFrom: '2099-07-01' }],
];

describeUnless(HAS_VALIDATOR ? undefined : "HL7's validator is not here", 'Consents by the validator of HL7', () => {
  test('every version of every Consent is valid PDex 2.2.0 (pdex-provider-consent)', async () => {
    const fresh = await freshPlatform({ env: LIMITS });
    try {
      const token = portalToken(fresh);
      const url = (path: string): string => `${fresh.platform().base}/fhir/${path}`;
      const bundle = async (path: string): Promise<readonly { readonly id: string }[]> =>
        (json<Bundle>(await http(url(path), { token })).entry ?? []).map(({ resource }) => resource);
      for (const [type, data] of STATED) await tell(fresh.platform(), payerEvent(type, 'm-1', data));
      for (const body of [consent('m-2', 'deny', [npiOf(randomInt(1e8))]), consent('m-2', 'permit')])
        expect(
          (
            await http(url('Consent'), {
              method: 'POST',
              token,
              headers: { 'content-type': FHIR },
              body: JSON.stringify(body),
            })
          ).status,
        ).toBe(201);
      await eventually(async () => expect(await bundle('Consent?patient=m-1')).toHaveLength(STATED.length));
      const all = [...(await bundle('Consent?patient=m-1')), ...(await bundle('Consent?patient=m-2'))];
      const versions = (await Promise.all(all.map(({ id }) => bundle(`Consent/${id}/_history`)))).flat();
      expect(versions.length).toBeGreaterThan(all.length);
      expect(errorsOf(versions, 'all').flat()).toEqual([]);
    } finally {
      await fresh.dispose();
    }
  });
});
