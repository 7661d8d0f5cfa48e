import { describe, expect, it } from 'vitest';
import { DEFAULT_REASONS, readReasons, REASON_KINDS } from './index.ts';

/** The table of APPS.md, copied by hand. */
const PAGE = {
  security:
    'key-compromised key-not-controlled weak-cryptography no-secure-transport identity-not-verified false-statement ' +
    'attack-observed use-outside-purpose open-security-incident security-contact-unreachable',
  binding:
    'not-in-network npi-unknown npi-deactivated evidence-insufficient evidence-expired contract-ended ' +
    'provider-objects conflict-unresolved',
  neutral: 'requested-by-app requested-by-provider duplicate attestation-expired test-ended',
};
const file = (over: object = {}) => JSON.stringify({ ...DEFAULT_REASONS, ...over });

describe('reasons of decisions about apps (APPS.md P31, P32)', () => {
  it('are those of the page without a file', () => {
    for (const kind of REASON_KINDS)
      expect(DEFAULT_REASONS[kind].map(({ code }) => code)).toEqual(PAGE[kind].split(' '));
  });
  it('are those of the payer with a file', () => {
    const security = [{ code: 'our-own', text: 'As our counsel says.' }];
    expect(readReasons(file({ security }))).toEqual({ ok: true, policy: { ...DEFAULT_REASONS, security } });
  });
  it.each<[string, string, RegExp]>([
    ['no JSON', '{', /^is not JSON/],
    ['no object', '[]', /JSON object/],
    ['another member', file({ others: [] }), /member other than "security", "binding", "neutral"/],
    ['a kind that is absent', file({ binding: undefined }), /^"binding" must be a list/],
    ['an empty kind', file({ security: [] }), /^"security" must be a list of 1 to 100/],
    ['101 reasons', file({ security: Array.from({ length: 101 }, (_, n) => ({ code: `c-${n}`, text: 'x' })) }), /1 to/],
    ['a code in capitals', file({ security: [{ code: 'Key', text: 'x' }] }), /^"security" entry 1 "code"/],
    ['a text with two lines', file({ security: [{ code: 'key', text: 'x\ny' }] }), /^"security" entry 1 "text"/],
    ['a further member', file({ security: [{ code: 'key', text: 'x', deny: true }] }), /entry 1 must have the members/],
    ['a code twice', file({ security: [{ code: 'duplicate', text: 'x' }] }), /the code "duplicate" twice/],
    [
      'none of the codes that the platform gives',
      file({ neutral: [{ code: 'duplicate', text: 'x' }] }),
      /"neutral" must have the code "requested-by-app"/,
    ],
  ])('refuses %s', (_name, text, wrong) => {
    expect(readReasons(text)).toEqual({ ok: false, fault: expect.stringMatching(wrong) });
  });
});
