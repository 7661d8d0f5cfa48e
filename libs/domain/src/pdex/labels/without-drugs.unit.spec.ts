import { describe, expect, it } from 'vitest';
import type { FhirResource } from '@provider-access/fhir';
import { DRUG_AUTHORIZATION } from './drugs.ts';
import { labelsOf, mentionsLabel, withoutDrugs } from './index.ts';

const HCPCS = 'https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets';
const CPT = 'http://www.ama-assn.org/go/cpt';
const NDC = 'http://hl7.org/fhir/sid/ndc';
const RXNORM = 'http://www.nlm.nih.gov/research/umls/rxnorm';
const X12 = 'https://codesystem.x12.org/005010/1365';
const coded = (system: string | undefined, code: string, display?: string) => ({
  coding: [{ ...(system !== undefined && { system }), code, ...(display !== undefined && { display }) }],
});
let sequence = 0;
const item = (product: object, more: object = {}) => ({
  sequence: (sequence += 1),
  productOrService: product,
  ...more,
});
const authorization = (extra: object): FhirResource => ({
  ...{ resourceType: 'ExplanationOfBenefit', id: 'pa', status: 'active', use: 'preauthorization', outcome: 'complete' },
  type: coded('http://terminology.hl7.org/CodeSystem/claim-type', 'professional'),
  ...extra,
});

/**
 * The oracle: codes with the description of HCPCS Level II, and what a reader of the description says. It shares no
 * pattern with the product.
 */
const ORACLE: readonly (readonly [code: string, description: string, drug: boolean])[] = [
  ['J0135', 'Injection, adalimumab, 20 mg', true],
  ['J0897', 'Injection, denosumab, 1 mg', true],
  ['J1745', 'Injection, infliximab, excludes biosimilar, 10 mg', true],
  ['J2785', 'Injection, regadenoson, 0.1 mg', true],
  ['J3490', 'Unclassified drugs', true],
  ['J7030', 'Infusion, normal saline solution, 1000 cc', true],
  ['J7307', 'Etonogestrel (contraceptive) implant system, including implant and supplies', true],
  ['J8499', 'Prescription drug, oral, non chemotherapeutic, NOS', true],
  ['J9271', 'Injection, pembrolizumab, 1 mg', true],
  ['Q0138', 'Injection, ferumoxytol, for treatment of iron deficiency anemia, 1 mg (non-ESRD use)', true],
  ['Q0162', 'Ondansetron 1 mg, oral', true],
  ['Q0243', 'Injection, casirivimab and imdevimab, 2400 mg', true],
  ['Q2035', 'Influenza virus vaccine, split virus, for intramuscular use (Afluria)', true],
  ['Q2042', 'Tisagenlecleucel, up to 600 million CAR-positive viable T cells', true],
  ['Q2050', 'Injection, doxorubicin hydrochloride, liposomal, NOS, 10 mg', true],
  ['Q3027', 'Injection, interferon beta-1a, 1 mcg for intramuscular use', true],
  ['Q4081', 'Injection, epoetin alfa, 100 units (for ESRD on dialysis)', true],
  ['Q5103', 'Injection, infliximab-dyyb, biosimilar, (Inflectra), 10 mg', true],
  ['Q9967', 'Low osmolar contrast material, 300-399 mg/ml iodine concentration, per ml', true],
  ['Q9991', 'Injection, buprenorphine extended-release (Sublocade), 100 mg or less', true],
  ['A9150', 'Non-prescription drugs', true],
  ['A9552', 'Fluorodeoxyglucose F-18 FDG, diagnostic, per study dose, up to 45 millicuries', true],
  ['A9606', 'Radium Ra-223 dichloride, therapeutic, per microcurie', true],
  ['C9113', 'Injection, pantoprazole sodium, per vial', true],
  ['C9257', 'Injection, bevacizumab, 0.25 mg', true],
  ['C9399', 'Unclassified drugs or biologicals', true],
  ['G2078', 'Take home supply of methadone; up to 7 additional day supply', true],
  ['G2215', 'Take home supply of nasal naloxone; 2-pack of 4 mg per 0.1 ml nasal spray', true],
  ['S0090', 'Sildenafil citrate, 25 mg', true],
  ['S0189', 'Testosterone pellet, 75 mg', true],
  ['S4993', 'Contraceptive pills for birth control', true],
  ['S5000', 'Prescription drug, generic', true],
  ['S5551', 'Insulin, most rapid onset (Lispro or Aspart); 5 units', true],
  // Services and equipment whose code or description looks like a drug.
  ['A4206', 'Syringe with needle, sterile, 1 cc or less, each', false],
  ['A4305', 'Disposable drug delivery system, flow rate of 50 ml or greater per hour', false],
  ['A7003', 'Administration set, with small volume nonfiltered pneumatic nebulizer, disposable', false],
  ['C1874', 'Stent, coated/covered, with delivery system', false],
  ['C8957', 'Intravenous infusion for therapy/diagnosis; prolonged, requiring use of a pump', false],
  ['C9600', 'Percutaneous transcatheter placement of drug eluting intracoronary stent(s)', false],
  ['C9728', 'Placement of interstitial device(s) for radiation therapy', false],
  ['E0781', 'Ambulatory infusion pump, single or multiple channels', false],
  ['G0008', 'Administration of influenza virus vaccine', false],
  ['G0068', 'Professional services for the administration of intravenous infusion drug in the home', false],
  ['G0516', 'Insertion of non-biodegradable drug delivery implants, 4 or more', false],
  ['G2067', 'Medication assisted treatment, methadone; weekly bundle', false],
  ['H0020', 'Alcohol and/or drug services; methadone administration and/or service', false],
  ['H0033', 'Oral medication administration, direct observation', false],
  ['K0730', 'Controlled dose inhalation drug delivery system', false],
  ['M0243', 'Intravenous infusion, casirivimab and imdevimab, includes infusion and monitoring', false],
  ['Q0083', 'Chemotherapy administration by other than infusion technique only', false],
  ['Q0081', 'Infusion therapy, using other than chemotherapeutic drugs, per visit', false],
  ['Q0480', 'Driver for use with pneumatic ventricular assist device, replacement only', false],
  ['Q3014', 'Telehealth originating site facility fee', false],
  ['Q4101', 'Apligraf, per square centimeter', false],
  ['Q5001', 'Hospice or home health care provided in patient’s home/residence', false],
  ['S0199', 'Medically induced abortion by oral ingestion of medication including all associated services', false],
  ['S0201', 'Partial hospitalization services, less than 24 hours, per diem', false],
  ['S5497', 'Home infusion therapy, catheter care/maintenance, not otherwise classified', false],
  ['S5560', 'Insulin delivery device, reusable pen; 1.5 ml size', false],
  ['S9338', 'Home infusion therapy, immunotherapy; administrative services (drugs coded separately)', false],
  ['S9061', 'Home administration of aerosolized drug therapy', false],
  ['T1502', 'Administration of oral, intramuscular and/or subcutaneous medication by a health care agency', false],
];

const SERVICE = item(coded(CPT, '97110', 'Therapeutic exercises'));
const DRUG = coded(HCPCS, 'J0897', 'Injection, denosumab, 1 mg');
const kept = (resource: FhirResource): string => JSON.stringify(withoutDrugs(resource).resource);
const labelled = (resource: FhirResource): boolean => {
  const { resource: rest } = withoutDrugs(resource);
  const labels = labelsOf(rest);
  if (labels.length > 0) expect(mentionsLabel(JSON.stringify(rest))).toBe(true);
  return labels.includes(DRUG_AUTHORIZATION);
};

describe('N70, N75: the codes of HCPCS', () => {
  it.each(ORACLE)('%s: %s: is a drug: %s', (code, description, drug) => {
    const of = coded(HCPCS, code, description);
    expect(labelled(authorization({ item: [item(of)] }))).toBe(drug);
    const mixed = authorization({ item: [SERVICE, item(of)] });
    expect(labelled(mixed)).toBe(false);
    expect(kept(mixed).includes(code)).toBe(!drug);
    expect(kept(mixed)).toContain('97110');
  });
  it.each<[string, object]>([
    ['an NDC', coded(NDC, '00074-4339-02')],
    ['an NDC by OID', coded('urn:oid:2.16.840.1.113883.6.69', '00074433902')],
    ['an NDC of nearly the right system', coded('HTTPS://hl7.org/fhir/sid/ndc/', '00074433902')],
    ['RxNorm', coded(RXNORM, '727373')],
    ['RxNorm with a version', coded(`${RXNORM}|2026-01`, '727373')],
    ['HCPCS of another name of its system', coded('http://terminology.hl7.org/CodeSystem/HCPCS-all-codes', 'j0897 ')],
    ['a CPT that has an NDC too', { coding: [...coded(CPT, '96401').coding, ...coded(NDC, '00074433902').coding] }],
  ])('%s is a drug', (_, product) => {
    expect(labelled(authorization({ item: [item(product)] }))).toBe(true);
    expect(kept(authorization({ item: [SERVICE, item(product)] }))).not.toMatch(/727373|4339|0897/i);
  });
  it('a code without a system that may be a drug withholds the whole, and says so', () => {
    for (const product of [coded(undefined, 'J0897'), coded(undefined, '00074433902')]) {
      const resource = authorization({ item: [SERVICE, item(product)] });
      expect(withoutDrugs(resource).removed).toEqual({ 'ExplanationOfBenefit -> perhaps a drug': 1 });
      expect(labelled(resource)).toBe(true);
    }
  });
  it('a text without a code is reported and not guessed, and withholds beside a drug', () => {
    const text = authorization({ item: [SERVICE, item({ text: 'Humira 40 mg pen' })] });
    expect(withoutDrugs(text).unknown).toEqual({ 'ExplanationOfBenefit.item.productOrService -> ?': 1 });
    expect(labelled(text)).toBe(false);
    expect(labelled(authorization({ item: [item({ text: 'Humira 40 mg pen' }), item(DRUG)] }))).toBe(true);
  });
  it('a code of another system is no drug because it looks like one', () => {
    const own = authorization({ item: [item(coded('https://payer.example/codes', 'J0897'))] });
    expect([labelled(own), kept(own)]).toEqual([false, JSON.stringify(own)]);
  });
});

describe('N71: the whole authorization is a drug', () => {
  const VISION = { resourceType: 'VisionPrescription', id: 'v' };
  it.each<[string, object]>([
    ['type', { type: coded('http://terminology.hl7.org/CodeSystem/claim-type', 'pharmacy'), item: [SERVICE] }],
    ['subType', { subType: coded('https://payer.example/types', 'Pharmacy'), item: [SERVICE] }],
    ['each item', { item: [item(DRUG)], addItem: [item(coded(NDC, '00074433902'))] }],
    ['prescription', { prescription: { reference: 'MedicationRequest/rx' }, item: [SERVICE] }],
    [
      'a contained prescription',
      { prescription: { reference: '#rx' }, contained: [{ resourceType: 'MedicationRequest', id: 'rx' }] },
    ],
    ['a prescription by identifier', { prescription: { identifier: { value: '1' } }, item: [SERVICE] }],
    ['originalPrescription', { originalPrescription: { reference: 'https://x.example/fhir/MedicationRequest/1' } }],
  ])('by %s', (_, extra) => {
    const resource = authorization(extra);
    expect(withoutDrugs(resource)).toMatchObject({ resource, removed: { 'ExplanationOfBenefit -> drug': 1 } });
    expect(labelled(resource)).toBe(true);
    expect(labelsOf({ resourceType: 'Basic', contained: [resource] })).toEqual([DRUG_AUTHORIZATION]);
  });
  it.each<[string, object]>([
    ['a prescription of glasses', { prescription: { reference: 'VisionPrescription/v' }, item: [SERVICE] }],
    ['a contained one', { prescription: { reference: '#v' }, contained: [VISION], item: [SERVICE] }],
    [
      'one by identifier',
      { prescription: { type: 'VisionPrescription', identifier: { value: '1' } }, item: [SERVICE] },
    ],
    ['no items', {}],
  ])('and not by %s', (_, extra) => {
    const resource = authorization(extra);
    expect([withoutDrugs(resource).resource, labelled(resource)]).toEqual([resource, false]);
  });
});

const detail = (url: string, value: object, end = {}) => ({
  extension: [
    {
      url: 'http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-itemAuthorizedDetail',
      extension: [{ url, valueCodeableConcept: value }, ...[end].filter((one) => 'url' in one)],
    },
  ],
});
const TEXTLESS = { text: 'compound' };

describe('N72 to N74: the places of a code', () => {
  const PLACES: readonly (readonly [string, object])[] = [
    ['N72 item', item(DRUG)],
    ['N72 item.modifier', item(coded(CPT, '99999'), { modifier: [coded(HCPCS, 'JW')] })],
    ['N72 item.modifier with an NDC', item(coded(CPT, '99999'), { modifier: [coded(NDC, '00074433902')] })],
    ['N72 item.detail alone', item(TEXTLESS, { detail: [item(DRUG)] })],
    ['N72 item.detail.subDetail alone', item(TEXTLESS, { detail: [item(TEXTLESS, { subDetail: [item(DRUG)] })] })],
    ['N73 productOrServiceCode', item(coded(CPT, '99999'), detail('productOrServiceCode', DRUG))],
    ['N73 productOrServiceCodeEnd', item(coded(CPT, '99999'), detail('productOrServiceCodeEnd', DRUG))],
    ['N73 modifier', item(coded(CPT, '99999'), detail('modifier', coded(HCPCS, 'JZ')))],
    ['N74 category 88', item(coded(CPT, '99999'), { category: coded(X12, '88') })],
    [
      'N74 category 89',
      item(coded(CPT, '99999'), { category: coded('https://x12.org/codes/service-type-codes', '89') }),
    ],
  ];
  it.each(PLACES)('%s', (_, of) => {
    for (const list of ['item', 'addItem']) {
      expect(labelled(authorization({ [list]: [of] }))).toBe(true);
      const mixed = authorization({
        item: [SERVICE],
        ...(list === 'item' ? { item: [SERVICE, of] } : { addItem: [of] }),
      });
      expect(withoutDrugs(mixed).removed).toEqual({ [`ExplanationOfBenefit.${list} -> drug`]: 1 });
      expect(withoutDrugs(mixed).resource).toMatchObject({ item: [SERVICE] });
      expect(labelled(mixed)).toBe(false);
    }
  });
  it('a part of a service goes alone, at each depth, and the service keeps its number', () => {
    const infusion = item(coded(CPT, '96413'), {
      detail: [item(DRUG), item(coded(CPT, '96415'), { subDetail: [item(DRUG), item(coded(CPT, '96417'))] })],
    });
    const { resource, removed } = withoutDrugs(authorization({ addItem: [infusion] }));
    const text = JSON.stringify(resource);
    expect(text).not.toMatch(/J0897|denosumab/);
    for (const code of ['96413', '96415', '96417']) expect(text).toContain(code);
    expect(removed).toEqual({
      'ExplanationOfBenefit.addItem.detail -> drug': 1,
      'ExplanationOfBenefit.addItem.detail.subDetail -> drug': 1,
    });
    expect((resource['addItem'] as { sequence: number }[])[0]!.sequence).toBe(infusion.sequence);
  });
  it('a drug with a service below it, or authorized as a service, withholds the whole', () => {
    for (const of of [
      item(DRUG, { detail: [item(coded(CPT, '96413'))] }),
      item(DRUG, detail('productOrServiceCode', coded(CPT, '97110'))),
    ]) {
      const resource = authorization({ item: [SERVICE, of] });
      expect(withoutDrugs(resource).removed).toEqual({ 'ExplanationOfBenefit -> perhaps a drug': 1 });
      expect(labelled(resource)).toBe(true);
    }
  });
  it('service types, modifiers and reasons of other kinds are no drugs', () => {
    const service = item(coded(CPT, '97110'), {
      category: coded(X12, '1'),
      modifier: [coded(HCPCS, 'GP'), coded(HCPCS, 'LT')],
      adjudication: [
        {
          category: coded('https://x12.org/codes', 'A'),
          reason: coded('https://x12.org/codes/claim-adjustment-reason-codes', '88'),
        },
      ],
    });
    const resource = authorization({ item: [service] });
    expect([withoutDrugs(resource), labelled(resource)]).toEqual([{ resource, removed: {}, unknown: {} }, false]);
  });
});

describe('N76: after the cut nothing names the drug', () => {
  const drug = (more: object = {}) => ({ sequence: 2, productOrService: DRUG, ...more });
  const service = (more: object = {}) => ({ sequence: 1, productOrService: coded(CPT, '97110', 'Exercises'), ...more });
  const cutOf = (extra: object): FhirResource => {
    const { resource } = withoutDrugs(authorization(extra));
    expect(labelsOf(resource)).toEqual([]);
    expect(JSON.stringify(resource)).not.toMatch(/J0897|denosumab|prolia/i);
    expect(resource['item']).toMatchObject([{ sequence: 1 }]);
    return resource;
  };
  it('notes that only the drug has, that both have, or that nobody has go, and so do numbers that lead to them', () => {
    const notes = [1, 2, 3, 4].map((number) => ({ number, text: number === 4 ? 'kept' : 'Prolia: step therapy' }));
    const resource = cutOf({
      item: [service({ noteNumber: [1, 4] }), drug({ noteNumber: [1, 2] })],
      processNote: notes,
    });
    expect(resource['processNote']).toEqual([{ number: 4, text: 'kept' }]);
    expect(resource['item']).toMatchObject([{ noteNumber: [4] }]);
  });
  it('supporting information of the drug, with its code, its name or a free text of nobody goes', () => {
    const info = [
      { sequence: 1, category: { text: 'a' }, valueString: 'of the service' },
      { sequence: 2, category: { text: 'b' }, valueString: 'Prolia since May' },
      { sequence: 3, category: { text: 'c' }, valueString: 'Prolia, a free text' },
      { sequence: 4, category: { text: 'd' }, code: coded(NDC, '55513-710-01') },
      { sequence: 5, category: { text: 'e' }, valueReference: { reference: 'MedicationRequest/1' } },
      { sequence: 6, category: coded('http://x', 'admission'), timingDate: '2026-01-01' },
      { sequence: 7, category: coded('http://x', 'note', 'denosumab level') },
    ];
    const resource = cutOf({
      item: [service({ informationSequence: [1, 7] }), drug({ informationSequence: [2] })],
      supportingInfo: info,
    });
    expect((resource['supportingInfo'] as { sequence: number }[]).map((one) => one.sequence)).toEqual([1, 6]);
    expect(resource['item']).toMatchObject([{ informationSequence: [1] }]);
  });
  it('contained resources of the drug go, and those that only it refers to', () => {
    const resource = cutOf({
      contained: [
        { resourceType: 'Organization', id: 'o', name: 'Clinic' },
        { resourceType: 'Medication', id: 'm', code: { text: 'Prolia' } },
        { resourceType: 'Observation', id: 'x', valueCodeableConcept: DRUG },
        { resourceType: 'Practitioner', id: 'p', name: [{ text: 'Dr. Only' }] },
        {
          ...{ resourceType: 'Claim', id: 'c', use: 'preauthorization' },
          item: [{ sequence: 1, productOrService: DRUG }],
        },
      ],
      provider: { reference: '#o' },
      item: [service(), drug({ locationReference: { reference: '#p' } })],
    });
    expect((resource['contained'] as { id: string }[]).map(({ id }) => id)).toEqual(['o']);
  });
  it('adjudications of the header that name it, texts about the whole, procedures and extensions go', () => {
    const category = coded(
      'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PDexAdjudicationDiscriminator',
      'denialreason',
    );
    const resource = cutOf({
      item: [service(), drug()],
      disposition: 'Prolia approved',
      adjudication: [
        { category, reason: { text: 'Prolia needs step therapy' } },
        { category, reason: coded('https://x12.org/codes/claim-adjustment-reason-codes', '50') },
        { category, reason: DRUG },
      ],
      procedure: [{ sequence: 1, procedureCodeableConcept: DRUG }],
      extension: [{ url: 'http://x/product', valueCodeableConcept: DRUG }],
    });
    expect(resource['adjudication']).toHaveLength(1);
    for (const name of ['disposition', 'procedure', 'extension']) expect(resource[name]).toBeUndefined();
  });
  it.each<[string, object]>([
    [
      'the display of a service',
      { item: [service({ productOrService: coded(CPT, '96401', 'Denosumab administration') }), drug()] },
    ],
    [
      'a diagnosis',
      {
        item: [service(), drug()],
        diagnosis: [{ sequence: 1, diagnosisCodeableConcept: { text: 'reaction to denosumab' } }],
      },
    ],
    [
      'a code in an insurance',
      { item: [service(), drug()], insurance: [{ focal: true, coverage: { display: 'J0897' } }] },
    ],
    [
      'a reference to what is gone',
      {
        item: [service(), drug()],
        contained: [{ resourceType: 'MedicationRequest', id: 'm' }],
        referral: { reference: '#m' },
      },
    ],
  ])('if %s would still name it, the whole is withheld and reported', (_, extra) => {
    const resource = authorization(extra);
    expect(withoutDrugs(resource)).toMatchObject({
      resource,
      removed: { 'ExplanationOfBenefit -> perhaps a drug': 1 },
    });
    expect(labelled(resource)).toBe(true);
  });
  it('is the same the second time, and does not change what it is given', () => {
    const resource = authorization({
      item: [service({ noteNumber: [1] }), drug()],
      processNote: [{ number: 1, text: 'x' }],
    });
    const before = JSON.stringify(resource);
    const once = withoutDrugs(resource).resource;
    expect(JSON.stringify(resource)).toBe(before);
    expect(withoutDrugs(once)).toEqual({ resource: once, removed: {}, unknown: {} });
  });
});
