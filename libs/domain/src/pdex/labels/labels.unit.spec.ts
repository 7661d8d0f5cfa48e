import { describe, expect, it } from 'vitest';
import {
  DEFAULT_LABEL_POLICY,
  labelsOf,
  labelPolicy,
  mentionsLabel,
  permitsOf,
  personLabels,
  readLabelPolicy,
  strictestRule,
  unknownLabels,
  withholdingLabels,
} from './index.ts';

const CODES = 'http://terminology.hl7.org/CodeSystem';
const CONFIDENTIALITY = `${CODES}/v3-Confidentiality`;
const ACT_CODE = `${CODES}/v3-ActCode`;
const coding = (label: string): object => {
  const at = label.lastIndexOf('|');
  const [system, code] = [label.slice(0, at), label.slice(at + 1)];
  return { ...(system !== '' && { system }), ...(code !== '' && { code }) };
};
const condition = (...labels: string[]) => ({
  resourceType: 'Condition',
  id: 'c1',
  ...(labels.length > 0 && { meta: { security: labels.map(coding) } }),
});
const NOBODY = { permits: [], providers: [] };
const withholds = (...labels: string[]): boolean =>
  withholdingLabels(labelsOf(condition(...labels)), DEFAULT_LABEL_POLICY, NOBODY).length > 0;

describe('the labels of a resource', () => {
  it('are those of its meta, each once', () => {
    expect(labelsOf(condition('a|2', 'a|1', 'a|2'))).toEqual(['a|1', 'a|2']);
    expect(labelsOf(condition())).toEqual([]);
  });

  it('include the labels of every resource inside it, and of its elements', () => {
    const inline = 'http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label';
    expect(
      labelsOf({
        ...condition('a|own'),
        contained: [{ resourceType: 'Parameters', parameter: [{ resource: condition('a|inner') }] }],
        note: [{ text: 'x', extension: [{ url: inline, valueCoding: coding('a|inline') }] }],
        code: { security: [coding('a|no-meta')] },
      }),
    ).toEqual(['a|inline', 'a|inner', 'a|own']);
  });

  it.each(['https://hl7.org/fhir', 'http://www.hl7.org/fhir', 'http://hl7.org/fhir/'])(
    'include those of an inline label whose URL is nearly right (%s)',
    (base) => {
      for (const end of ['', '/', '|1.0.0']) {
        const url = `${base}/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label${end}`;
        const labelled = { ...condition(), extension: [{ url, valueCoding: coding('a|b') }] };
        expect([labelsOf(labelled), mentionsLabel(JSON.stringify(labelled))]).toEqual([['a|b'], true]);
      }
    },
  );

  it('are unreadable without a code, and beyond a hundred', () => {
    expect(labelsOf({ ...condition(), meta: { security: [{ display: 'secret' }, 'R', null] } })).toEqual(['|']);
    const many = labelsOf(condition(...Array.from({ length: 101 }, (_, i) => `a|${i}`)));
    expect([many.length, many[0]]).toEqual([100, '|']);
  });

  it('are never in a text that mentions none', () => {
    expect(mentionsLabel(JSON.stringify(condition()))).toBe(false);
    expect(mentionsLabel(JSON.stringify({ contained: [condition('a|b')] }))).toBe(true);
    const inline = 'http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label';
    const labelled = { ...condition(), extension: [{ url: inline, valueCoding: coding('a|b') }] };
    expect([labelsOf(labelled), mentionsLabel(JSON.stringify(labelled))]).toEqual([['a|b'], true]);
  });
});

describe('the built-in policy', () => {
  it.each([
    ...['R', 'V'].map((code) => `${CONFIDENTIALITY}|${code}`),
    ...['42CFRPart2', 'PSYTHPN', 'HIPAAPsyNotes', 'ETH', 'ETHUD', 'OPIOIDUD', 'SUD'].map(
      (code) => `${ACT_CODE}|${code}`,
    ),
    ...['HIV', 'PSY', 'MH', 'BH', 'SDV', 'SEX', 'STD', 'GDIS', 'SICKLE'].map((code) => `${ACT_CODE}|${code}`),
  ])('withholds %s', (label) => {
    expect(withholds(label)).toBe(true);
  });
  it.each(['N', 'L', 'M', 'U'].map((code) => `${CONFIDENTIALITY}|${code}`))('releases %s', (label) => {
    expect(withholds(label)).toBe(false);
  });
  it('releases labels that it does not name, and withholds a resource with one label that it withholds', () => {
    expect(withholds('https://payer.example/labels|x', `${ACT_CODE}|TBOO`)).toBe(false);
    expect(withholds('https://payer.example/labels|x', `${ACT_CODE}|HIV`)).toBe(true);
  });
  it('knows a code without its system, in another case, and by earlier names of its system', () => {
    for (const label of ['|R', `${CONFIDENTIALITY}|r`, 'http://hl7.org/fhir/v3/ActCode|HIV'])
      expect(withholds(label)).toBe(true);
    expect(withholds('urn:oid:2.16.840.1.113883.5.25|V')).toBe(true);
    expect(withholds('https://payer.example/labels|R')).toBe(false);
  });
  // N3: a system that HL7 does not have, or that is no system, names nobody's code.
  it.each([
    'https://payer.example/CodeSystem/v3-Confidentiality|R',
    'http://terminology.hl7.org.payer.example/CodeSystem/v3-ActCode|HIV',
    'http://terminology.hl7.org/CodeSystem/v3-ActCodeOfOurs|HIV',
    '2.16.840.1.113883.5.250|R',
    'http://hl7.org/fhir/v3/constructor|R',
    'http://hl7.org/fhir/v3-ActCode|42CFRPart2',
    'Confidentiality|V',
    `${ACT_CODE}|R`,
    `${CONFIDENTIALITY}|42CFRPart2`,
  ])('withholds %s, whose system is wrong', (label) => {
    expect(withholds(label)).toBe(true);
  });
  it.each([
    `${CONFIDENTIALITY}/|R`,
    `${CONFIDENTIALITY.replace('http:', 'https:')}|R`,
    `${CONFIDENTIALITY}|2018-08-12|R`,
    `${CONFIDENTIALITY.toUpperCase()}|R`,
    'HTTP://Terminology.HL7.org/CodeSystem/v3-Confidentiality//|R ',
    'http://terminology.hl7.org/ValueSet/v3-Confidentiality|R',
    'http://terminology.hl7.org/ValueSet/v3-ActUSPrivacyLaw|42CFRPart2',
    'http://www.hl7.org/fhir/v3/Confidentiality|V',
    '2.16.840.1.113883.5.25|V',
    'URN:OID:2.16.840.1.113883.5.4|HIV',
    'http://hl7.org/fhir/v3/vs/ActCode|HIV',
    'http://terminology.hl7.org/CodeSystem/v2-0177|R',
    'http://hl7.org/fhir/v2/0177|HIV',
    '2.16.840.1.113883.18.92|aid',
  ])('withholds %s, a name of HL7 that is nearly right', (label) => {
    expect(withholds(label)).toBe(true);
    const named = readLabelPolicy(JSON.stringify({ default: false, labels: { [label.trim()]: 'withhold' } }));
    expect(named.ok && strictestRule([label], named.policy)).toBe('withhold');
  });
  it.each([
    'https://payer.example/labels|HIV',
    '2.16.840.1.113883.3.1234.5|R',
    `${ACT_CODE}/|TBOO`,
    'http://terminology.hl7.org/CodeSystem/v2-0177|VIP',
    `${CONFIDENTIALITY}/|N`,
  ])('releases %s, which is not among them', (label) => {
    expect(withholds(label)).toBe(false);
  });
  it.each([
    '42 CFR Part 2',
    '42cfr-part_2',
    '\u200b42CFRPart\u00ad2',
    '４２ＣＦＲＰａｒｔ２',
    'Title 38 Section 7332',
    'very restricted',
  ])('withholds %s under any system', (code) => {
    for (const system of ['https://payer.example/labels', 'urn:uuid:0f', '', CONFIDENTIALITY])
      expect(withholds(`${system}|${code}`)).toBe(true);
  });
  it('withholds a label without a code', () => {
    expect(withholds(`${CONFIDENTIALITY}|`)).toBe(true);
  });
});

/** N2. The elements are those of HL7's definitions (LABEL_ELEMENTS); the sets of labels are made by hand. */
describe('the elements of R4 that label content', () => {
  const V = { system: CONFIDENTIALITY, code: 'V' };
  const inside = (...contained: object[]) => labelsOf({ ...condition(), contained });
  it('are each read, also in contained resources and in resources of a Bundle', () => {
    const note = { resourceType: 'DocumentReference', securityLabel: [{ coding: [V] }, { coding: [coding('a|b')] }] };
    const others = [
      { resourceType: 'Composition', confidentiality: 'V' },
      { resourceType: 'AuditEvent', entity: [{ securityLabel: [V] }] },
      ...['classification', 'category', 'control'].map((name) => ({
        resourceType: 'Contract',
        term: [{ group: [{ securityLabel: [{ number: [1], classification: coding('a|c'), [name]: V }] }] }],
      })),
    ];
    expect(labelsOf(note)).toEqual([`a|b`, `${CONFIDENTIALITY}|V`]);
    for (const one of [note, ...others]) {
      expect(inside(one)).toContain(`${CONFIDENTIALITY}|V`);
      const bundle = { resourceType: 'Bundle', entry: [{ resource: one }] };
      expect(inside({ resourceType: 'Parameters', parameter: [{ resource: bundle }] })).toContain(
        `${CONFIDENTIALITY}|V`,
      );
      expect(mentionsLabel(JSON.stringify(one))).toBe(true);
    }
  });
  it('are unreadable labels where the code cannot be read', () => {
    for (const securityLabel of [[{}], [{ text: 'secret' }], [{ coding: [{ system: CONFIDENTIALITY }] }], [null], 7])
      expect(labelsOf({ resourceType: 'DocumentReference', securityLabel })).toEqual(['|']);
    expect(inside({ resourceType: 'Composition', _confidentiality: { extension: [] } })).toEqual(['|']);
  });
  it('are not those that say which resources a consent is about, and trade secrets', () => {
    const provision = { securityLabel: [V], provision: [{ securityLabel: [V] }] };
    expect(inside({ resourceType: 'Consent', provision })).toEqual([]);
    const specifiedSubstance = [{ confidentiality: { coding: [V] } }];
    expect(inside({ resourceType: 'MedicinalProductIngredient', specifiedSubstance })).toEqual([]);
  });
  it('have a text that may be stricter than the code beside it', () => {
    const labelled = (extra: object) =>
      withholdingLabels(labelsOf({ ...condition(), ...extra }), DEFAULT_LABEL_POLICY, NOBODY).length > 0;
    const coded = { system: 'https://payer.example/labels', code: 'p2', display: '42 CFR Part 2' };
    expect(labelled({ meta: { security: [coded] } })).toBe(true);
    expect(labelled({ meta: { security: [{ ...coded, display: 'our patients' }] } })).toBe(false);
    const securityLabel = [{ coding: [{ ...coded, display: undefined }], text: 'Restricted' }];
    expect(labelled({ resourceType: 'DocumentReference', securityLabel })).toBe(true);
  });
});

describe('a policy file', () => {
  const policyOf = (file: unknown) => {
    const reading = readLabelPolicy(JSON.stringify(file));
    if (!reading.ok) throw new Error(reading.fault);
    return reading.policy;
  };
  // N3: a deployment may withhold what its policy does not know.
  it('may withhold every label that it does not know, and then knows those that HL7 has', () => {
    const policy = policyOf({ unknown: 'withhold', labels: { 'https://payer.example/labels|ok-1': 'release' } });
    const rule = (label: string) => strictestRule([label], policy);
    expect(rule('https://payer.example/labels|other')).toBe('withhold');
    expect(['https://payer.example/labels|OK 1', `${CONFIDENTIALITY}|N`, `${ACT_CODE}|TBOO`].map(rule)).toEqual(
      Array(3).fill('release'),
    );
    // Labels of ours about persons inside are no labels of the payer.
    const [person] = personLabels({ ids: ['m2'], identifiers: [] });
    expect(rule(person!)).toBe('release');
    const labels = [person!, 'https://payer.example/labels|oth\u200ber', `${CONFIDENTIALITY}|N`, '|'];
    expect(unknownLabels(labels, policy)).toEqual(['https://payer.example/labels|oth\\u{200b}er']);
  });
  it('changes rules of the built-in policy, or replaces it', () => {
    const added = policyOf({ labels: { [`${ACT_CODE}|SEX`]: 'release', 'x|y': 'withhold unless consented' } });
    expect(strictestRule([`${ACT_CODE}|SEX`], added)).toBe('release');
    expect(strictestRule([`${ACT_CODE}|HIV`], added)).toBe('withhold');
    expect(strictestRule(['x|y', `${ACT_CODE}|SEX`], added)).toBe('withhold unless consented');
    const alone = policyOf({ default: false, labels: { 'x|y': 'withhold' } });
    expect(strictestRule([`${ACT_CODE}|HIV`], alone)).toBe('release');
    expect(strictestRule(['|'], alone)).toBe('withhold');
    expect(strictestRule(['|'], policyOf({ default: false, labels: { '|': 'release' } }))).toBe('release');
    expect(strictestRule(['x|Y'], alone)).toBe('withhold');
  });
  it.each([
    ['{', 'is not JSON'],
    ['[]', 'must be a JSON object'],
    ['{}', '"labels" must be an object of system|code and rule'],
    ['{"label":{},"labels":{}}', 'has a member other than "default", "unknown", "labels"'],
    ['{"default":"no","labels":{}}', '"default" must be true or false'],
    ['{"unknown":"hide","labels":{}}', '"unknown" must be one of "withhold", "withhold unless consented", "release"'],
    ['{"labels":{"HIV":"withhold"}}', '"labels" entry 1 must be named system|code'],
    ['{"labels":{"x|Y":"release","x|y":"withhold"}}', '"labels" names one label twice: "x|Y" and "x|y"'],
    [
      '{"labels":{"http://hl7.org/fhir/v3/ActCode|HIV":"withhold","2.16.840.1.113883.5.4|HIV":"release"}}',
      '"labels" names one label twice: "http://hl7.org/fhir/v3/ActCode|HIV" and "2.16.840.1.113883.5.4|HIV"',
    ],
    [
      '{"labels":{"x|y":"withhold","x|z":"hide"}}',
      '"labels" entry 2 must be one of "withhold", "withhold line", "withhold unless consented", "release"',
    ],
  ])('with the content %s is refused', (text, fault) => {
    expect(readLabelPolicy(text)).toEqual({ ok: false, fault });
  });
});

const HIV = `${ACT_CODE}|HIV`;
const consent = (provision: object = {}, extra: object = {}): Record<string, unknown> => ({
  resourceType: 'Consent',
  id: 'k1',
  status: 'active',
  scope: { coding: [{ system: `${CODES}/consentscope`, code: 'patient-privacy' }] },
  patient: { reference: 'Patient/m1' },
  dateTime: '2025-01-01',
  provision: { type: 'permit', securityLabel: [coding(HIV)], ...provision },
  ...extra,
});
const AT = Date.UTC(2025, 5, 1);

describe('a Consent of the member', () => {
  const policy = labelPolicy({
    [HIV]: 'withhold unless consented',
    [`${CONFIDENTIALITY}|R`]: 'withhold unless consented',
    [`${ACT_CODE}|PSYTHPN`]: 'withhold',
  });
  const withheld = (labels: string[], given: object, providers: readonly `npi|${string}`[] = []): readonly string[] =>
    withholdingLabels(labels, policy, { permits: permitsOf(given as Record<string, unknown>, AT), providers });

  it('releases a resource if it permits each label that needs consent', () => {
    expect(withheld([HIV], consent())).toEqual([]);
    expect(withheld([HIV, `${CONFIDENTIALITY}|R`], consent())).toEqual([`${CONFIDENTIALITY}|R`]);
    const both = consent({ securityLabel: [HIV, `${CONFIDENTIALITY}|V`].map(coding) });
    expect(withheld([HIV, `${CONFIDENTIALITY}|R`], both)).toEqual([]);
  });
  it('releases nothing that the policy always withholds', () => {
    expect(withheld([`${ACT_CODE}|PSYTHPN`], consent({ securityLabel: [coding(`${ACT_CODE}|PSYTHPN`)] }))).toHaveLength(
      1,
    );
  });
  it('counts while its period lasts', () => {
    expect(withheld([HIV], consent({ period: { start: '2025-01-01', end: '2025-12-31' } }))).toEqual([]);
    for (const period of [{ end: '2025-05-30' }, { start: '2025-06-02' }, { end: 'soon' }, { end: '2025-07-01T10:00' }])
      expect(withheld([HIV], consent({ period }))).toEqual([HIV]);
  });
  it('counts for the recipients that it names, by NPI or TIN', () => {
    const role = { coding: [{ system: `${CODES}/v3-ParticipationType`, code: 'IRCP' }] };
    const actor = [
      { role, reference: { identifier: { system: 'http://hl7.org/fhir/sid/us-npi', value: '1234567893' } } },
    ];
    expect(withheld([HIV], consent({ actor }), ['npi|1234567893'])).toEqual([]);
    expect(withheld([HIV], consent({ actor }), ['npi|1245319599'])).toEqual([HIV]);
  });
  it.each<[string, object]>([
    ['is not active', consent({}, { status: 'inactive' })],
    ['has another scope', consent({}, { scope: { coding: [{ system: `${CODES}/consentscope`, code: 'research' }] } })],
    ['denies', consent({ type: 'deny' })],
    ['has a provision inside', consent({ provision: [{ type: 'deny' }] })],
    ['names no label', consent({ securityLabel: undefined })],
    ['is narrowed by an element that nobody understands', consent({ dataPeriod: { start: '2025-01-01' } })],
    ['has a modifier extension', consent({}, { modifierExtension: [{ url: 'x' }] })],
    ['names a recipient without NPI or TIN', consent({ actor: [{ reference: { display: 'Dr. Who' } }] })],
    ['is for another purpose', consent({ purpose: [{ system: `${CODES}/v3-ActReason`, code: 'HRESCH' }] })],
    [
      'permits another action',
      consent({ action: [{ coding: [{ system: `${CODES}/consentaction`, code: 'correct' }] }] }),
    ],
  ])('permits nothing if it %s', (_, given) => {
    expect(withheld([HIV], given)).toEqual([HIV]);
  });
});
