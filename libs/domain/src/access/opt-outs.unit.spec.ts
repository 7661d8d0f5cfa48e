import { definitionsOf, HL7_PACKAGES, whyWithout } from '@provider-access/definitions';
import { describe, expect, it } from 'vitest';
import { namesOneOf, type OptOutReach, reachOf, type StatedOptOut } from './opt-outs.ts';
import { isElsewhere, isPurposeOfUse } from './purposes-of-use.ts';

const US = 'urn:oid:2.16.840.1.113883.6.300|12345';
const THEM = 'urn:oid:2.16.840.1.113883.6.300|67890';
const isOurs = namesOneOf([US, 'Organization/our-plan']);
const NPI = '1234567893';
const EVERYBODY = { scope: 'global' } as const;

/** Written from PEOPLE.md N2 to N7. */
const TABLE: readonly [what: string, stated: object, reach: OptOutReach][] = [
  ['N2 global', { scope: 'global' }, EVERYBODY],
  [
    'N3 providers',
    { scope: 'provider-specific', targets: [{ npi: NPI }] },
    { scope: 'provider-specific', targets: [`npi|${NPI}`] },
  ],
  [
    'N3 providers by TIN',
    { scope: 'provider-specific', targets: [{ tin: '12-3456789' }] },
    { scope: 'provider-specific', targets: ['tin|123456789'] },
  ],
  ['N4 no provider', { scope: 'provider-specific' }, EVERYBODY],
  ['N4 an empty list of providers', { scope: 'provider-specific', targets: [] }, EVERYBODY],
  [
    'N4 a target with an attribute that nobody knows',
    { scope: 'provider-specific', targets: [{ npi: NPI, site: 'all' }] },
    EVERYBODY,
  ],
  ['N4 an NPI with a wrong check digit', { scope: 'provider-specific', targets: [{ npi: '1234567890' }] }, EVERYBODY],
  [
    'N3 an attribute that nobody knows',
    { scope: 'provider-specific', targets: [{ npi: NPI }], exceptions: [] },
    EVERYBODY,
  ],
  [
    'N4 the list of another scope',
    { scope: 'provider-specific', targets: [{ npi: NPI }], purposes: ['HPAYMT'] },
    EVERYBODY,
  ],
  ['N4 a list beside global', { scope: 'global', targets: [{ npi: NPI }] }, EVERYBODY],
  ['N5 TREAT', { scope: 'purpose-specific', purposes: ['TREAT'] }, { scope: 'purpose-specific' }],
  ['N5 a child of TREAT', { scope: 'purpose-specific', purposes: ['ETREAT'] }, { scope: 'purpose-specific' }],
  ['N5 a child of a child of TREAT', { scope: 'purpose-specific', purposes: ['BTG'] }, { scope: 'purpose-specific' }],
  ['N5 a parent of TREAT', { scope: 'purpose-specific', purposes: ['PurposeOfUse'] }, { scope: 'purpose-specific' }],
  ['N5 nothing', { scope: 'purpose-specific' }, { scope: 'purpose-specific' }],
  ['N5 an empty list', { scope: 'purpose-specific', purposes: [] }, { scope: 'purpose-specific' }],
  ['N5 free text', { scope: 'purpose-specific', purposes: ['payment'] }, { scope: 'purpose-specific' }],
  ['N5 a code in small letters', { scope: 'purpose-specific', purposes: ['hpaymt'] }, { scope: 'purpose-specific' }],
  [
    'N5 payment and treatment',
    { scope: 'purpose-specific', purposes: ['HPAYMT', 'TREAT'] },
    { scope: 'purpose-specific' },
  ],
  ['N5 payment', { scope: 'purpose-specific', purposes: ['HPAYMT'] }, { scope: 'purpose-specific', bars: 'nobody' }],
  [
    'N5 operations and research',
    { scope: 'purpose-specific', purposes: ['HOPERAT', 'CLINTRCH'] },
    { scope: 'purpose-specific', bars: 'nobody' },
  ],
  ['N6 this payer', { scope: 'payer-specific', payers: [US] }, { scope: 'payer-specific' }],
  ['N6 nobody', { scope: 'payer-specific' }, { scope: 'payer-specific' }],
  [
    'N6 this payer with another system',
    { scope: 'payer-specific', payers: ['http://hl7.org/fhir/sid/us-naic|12345 '] },
    { scope: 'payer-specific' },
  ],
  [
    'N6 this payer by URL',
    { scope: 'payer-specific', payers: ['https://example.org/fhir/Organization/our-plan'] },
    { scope: 'payer-specific' },
  ],
  ['N6 another payer', { scope: 'payer-specific', payers: [THEM] }, { scope: 'payer-specific', bars: 'nobody' }],
  ['N6 this payer and another', { scope: 'payer-specific', payers: [THEM, US] }, { scope: 'payer-specific' }],
  ['N4 a payer by name', { scope: 'payer-specific', payers: ['Example Health'] }, { scope: 'payer-specific' }],
  [
    'N7 a category',
    { scope: 'provider-category', categories: ['207RC0000X'] },
    { scope: 'provider-category', categories: ['207RC0000X'] },
  ],
  ['N7 no category', { scope: 'provider-category' }, EVERYBODY],
  ['N7 a category in words', { scope: 'provider-category', categories: ['cardiology'] }, EVERYBODY],
  ['N7 a known and an unknown category', { scope: 'provider-category', categories: ['207RC0000X', 'x'] }, EVERYBODY],
];

describe('whom an opt-out bars', () => {
  it.each(TABLE)('%s', (_what, stated, reach) => expect(reachOf(stated as StatedOptOut, isOurs)).toEqual(reach));

  it('N6 every payer is this one where nobody has said how it is named', () => {
    expect(reachOf({ scope: 'payer-specific', payers: [THEM] }, undefined)).toEqual({ scope: 'payer-specific' });
  });
});

interface Concept {
  readonly code: string;
  readonly property?: readonly { readonly code: string; readonly valueCode?: string }[];
}
const { R4: core } = HL7_PACKAGES;
it.skipIf(whyWithout(core) !== '')(`N5 HL7's value set of purposes is the table${whyWithout(core)}`, () => {
  const [codes] = definitionsOf(core, (name) => name === 'CodeSystem-v3-ActReason.json') as unknown as [
    { readonly concept: readonly Concept[] },
  ];
  const parents = new Map(
    codes.concept.map(({ code, property = [] }) => [
      code,
      property.filter((p) => p.code === 'subsumedBy').map((p) => p.valueCode!),
    ]),
  );
  const isUnder = (code: string, root: string): boolean =>
    code === root || (parents.get(code) ?? []).some((parent) => isUnder(parent, root));
  const all = [...parents.keys()];
  expect(all.filter((code) => isPurposeOfUse(code))).toEqual(all.filter((code) => isUnder(code, 'PurposeOfUse')));
  expect(all.filter((code) => isElsewhere(code))).toEqual(
    all.filter((code) => isUnder(code, 'PurposeOfUse') && !isUnder(code, 'TREAT') && !isUnder('TREAT', code)),
  );
});
