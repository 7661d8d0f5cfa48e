import type { FhirResource } from '@provider-access/fhir';

export const ICD10 = 'http://hl7.org/fhir/sid/icd-10-cm';
export const HCPCS = 'https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets';
export const DRG =
  'https://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment/AcuteInpatientPPS/MS-DRG-Classifications-and-Software';

export type Open = Record<string, unknown>;
export const coded = (system: string, code: string, display?: string): Open => ({
  coding: [{ system, code, ...(display !== undefined && { display }) }],
});
export const line = (sequence: number, code: string, day: string, more: Open = {}): Open => ({
  sequence,
  productOrService: coded(HCPCS, code),
  servicedDate: day,
  diagnosisSequence: [1],
  careTeamSequence: [1],
  ...more,
});
/** Office visit, methadone, X-ray. Words that only the second line has begin with `secret`. */
export const claim = (change: (claim: Open, lines: Open[]) => void = () => undefined): FhirResource => {
  const lines = [
    line(1, '99213', '2024-01-05'),
    line(2, 'H0020', '2024-01-20', { diagnosisSequence: [2], careTeamSequence: [2] }),
    line(3, '71046', '2024-01-10', { careTeamSequence: [3] }),
  ];
  const whole: Open = {
    resourceType: 'ExplanationOfBenefit',
    id: 'e1',
    status: 'active',
    use: 'claim',
    type: coded('http://terminology.hl7.org/CodeSystem/claim-type', 'professional'),
    patient: { reference: 'Patient/m' },
    billablePeriod: { start: '2024-01-05', end: '2024-01-20' },
    created: '2024-02-01',
    outcome: 'complete',
    careTeam: [1, 2, 3].map((sequence) => ({
      sequence,
      provider: { reference: `Practitioner/${['visit', 'secret-clinic', 'radiology'][sequence - 1]}` },
    })),
    diagnosis: [
      { sequence: 1, diagnosisCodeableConcept: coded(ICD10, 'I10') },
      // Not listed, and only the methadone has it.
      { sequence: 2, diagnosisCodeableConcept: coded(ICD10, 'Z79.899', 'secret therapy') },
    ],
    item: lines,
  };
  change(whole, lines);
  return JSON.parse(JSON.stringify(whole)) as FhirResource;
};

const diagnosisOf = (whole: Open, at: number): Open => (whole['diagnosis'] as Open[])[at]!;

/** Where the code, or what tells of the line, can stand. `line`: the rest is served. `claim`: nothing is. */
export const PLACES: Readonly<Record<string, readonly ['line' | 'claim', (claim: Open, lines: Open[]) => void]>> = {
  // Places of the line itself.
  revenue: ['line', (_, [, two]) => (two!['revenue'] = coded(HCPCS, 'H0020'))],
  category: ['line', (_, [, two]) => (two!['category'] = coded(HCPCS, 'H0020'))],
  modifier: ['line', (_, [, two]) => (two!['modifier'] = [coded(HCPCS, 'H0020')])],
  programCode: ['line', (_, [, two]) => (two!['programCode'] = [coded(HCPCS, 'H0020')])],
  bodySite: ['line', (_, [, two]) => (two!['bodySite'] = coded(ICD10, 'f1120'))],
  'reason of an adjudication': [
    'line',
    (_, [, two]) => (two!['adjudication'] = [{ category: { text: 'x' }, reason: coded(ICD10, 'F1120') }]),
  ],
  extension: [
    'line',
    (_, [, two]) => (two!['extension'] = [{ url: 'http://x', valueCoding: { system: HCPCS, code: 'H0020' } }]),
  ],
  'a text for a code': ['line', (_, [, two]) => (two!['productOrService'] = { text: 'H0020 secret' })],
  'a display for a code': [
    'line',
    (_, [, two]) => (two!['productOrService'] = { coding: [{ system: HCPCS, display: 'H0020' }] }),
  ],
  'a detail of a package': [
    'line',
    (_, [, two]) => {
      two!['productOrService'] = coded(HCPCS, '99999');
      two!['detail'] = [{ sequence: 1, productOrService: coded(HCPCS, 'H0020') }];
    },
  ],
  'a part of a detail': [
    'line',
    (_, [, two]) => {
      two!['productOrService'] = coded(HCPCS, '99999');
      two!['detail'] = [{ sequence: 1, subDetail: [{ sequence: 1, productOrService: coded(HCPCS, 'H0020') }] }];
    },
  ],
  // Lists to which the line points.
  'a sensitive diagnosis': [
    'line',
    (whole, [, two]) => {
      two!['productOrService'] = coded(HCPCS, '99214');
      diagnosisOf(whole, 1)['diagnosisCodeableConcept'] = coded(ICD10, 'F11.20');
    },
  ],
  'a sensitive diagnosis that is the principal one': [
    'claim',
    (whole) => {
      diagnosisOf(whole, 1)['diagnosisCodeableConcept'] = coded(ICD10, 'F11.20');
      diagnosisOf(whole, 1)['type'] = [coded('http://x', 'principal')];
    },
  ],
  'a sensitive first diagnosis': [
    'claim',
    (whole, [, two]) => {
      diagnosisOf(whole, 0)['diagnosisCodeableConcept'] = coded(ICD10, 'F11.20');
      two!['diagnosisSequence'] = [1];
    },
  ],
  'a sensitive diagnosis to which every line points': [
    'claim',
    (whole, lines) => {
      diagnosisOf(whole, 1)['diagnosisCodeableConcept'] = coded(ICD10, 'F11.20');
      for (const one of lines) one['diagnosisSequence'] = [1, 2];
    },
  ],
  'a sensitive diagnosis of a claim whose other lines point nowhere': [
    'claim',
    (whole, lines) => {
      diagnosisOf(whole, 1)['diagnosisCodeableConcept'] = coded(ICD10, 'F11.20');
      delete lines[2]!['diagnosisSequence'];
    },
  ],
  'a sensitive diagnosis to which no line points': [
    'claim',
    (whole) => (whole['diagnosis'] as Open[]).push({ sequence: 3, diagnosisCodeableConcept: coded(ICD10, 'F11.20') }),
  ],
  'a DRG beside a diagnosis': ['claim', (whole) => (diagnosisOf(whole, 1)['packageCode'] = coded(DRG, '895'))],
  'a sensitive procedure': [
    'line',
    (whole, lines) => {
      whole['procedure'] = [
        { sequence: 1, procedureCodeableConcept: coded('http://x', 'y') },
        { sequence: 2, procedureCodeableConcept: coded(HCPCS, 'H0020') },
      ];
      lines.forEach((one, at) => (one['procedureSequence'] = [at === 1 ? 2 : 1]));
    },
  ],
  'a procedure of an inpatient claim': [
    'claim',
    (whole) => (whole['procedure'] = [{ sequence: 1, procedureCodeableConcept: coded(HCPCS, 'H0020') }]),
  ],
  'information of the line': [
    'line',
    (whole, [, two]) => {
      whole['supportingInfo'] = [
        { sequence: 1, category: coded('http://x', 'typeofbill'), code: coded('http://x', '131') },
        { sequence: 2, category: { text: 'x' }, code: coded(ICD10, 'F11.20') },
        { sequence: 3, category: { text: 'x' }, valueString: 'secret' },
      ];
      two!['informationSequence'] = [2, 3];
    },
  ],
  'a DRG of the claim': [
    'claim',
    (whole) => (whole['supportingInfo'] = [{ sequence: 1, category: { text: 'drg' }, code: coded(DRG, '0895') }]),
  ],
  'a text of information of the whole claim': [
    'line',
    (whole) => (whole['supportingInfo'] = [{ sequence: 1, category: { text: 'x' }, valueString: 'secret words' }]),
  ],
  'a reference of information of the whole claim': [
    'line',
    (whole) =>
      (whole['supportingInfo'] = [
        { sequence: 1, category: { text: 'x' }, valueReference: { reference: 'DocumentReference/secret' } },
      ]),
  ],
  'an attachment': [
    'claim',
    (whole) => (whole['supportingInfo'] = [{ sequence: 1, category: { text: 'x' }, valueAttachment: { title: 'x' } }]),
  ],
  'the qualification of its care team': [
    'line',
    (whole, [, two]) => {
      two!['productOrService'] = coded(HCPCS, '99214');
      (whole['careTeam'] as Open[])[1]!['qualification'] = coded(HCPCS, 'H0020');
    },
  ],
  'a care team of whom nobody says for which line': ['line', (_, [, two]) => delete two!['careTeamSequence']],
  // Texts and sums.
  'the narrative': ['line', (whole) => (whole['text'] = { status: 'generated', div: '<div>secret H0020</div>' })],
  'a note of the line': [
    'line',
    (whole, [one, two]) => {
      whole['processNote'] = [
        { number: 1, text: 'plain' },
        { number: 2, text: 'secret' },
        { number: 3, text: 'secret of nobody' },
      ];
      one!['noteNumber'] = [1];
      two!['detail'] = [{ sequence: 1, productOrService: { text: 'x' }, noteNumber: [2] }];
    },
  ],
  'a note of two lines': [
    'line',
    (whole, [one, two]) => {
      whole['processNote'] = [{ number: 1, text: 'secret' }];
      for (const each of [one, two]) each!['noteNumber'] = [1];
    },
  ],
  'a note of another line that names the code': [
    'line',
    (whole, [one]) => {
      whole['processNote'] = [{ number: 1, text: 'as with h0020' }];
      one!['noteNumber'] = [1];
    },
  ],
  'a note of another line in the words of the line': [
    'line',
    (whole, [one, two]) => {
      two!['productOrService'] = coded(HCPCS, 'H0020', 'Methadone administration');
      whole['processNote'] = [{ number: 1, text: 'given before the METHADONE' }];
      one!['noteNumber'] = [1];
    },
  ],
  disposition: ['line', (whole) => (whole['disposition'] = 'secret')],
  'sums of the claim': [
    'line',
    (whole) =>
      (whole['adjudication'] = [
        { category: coded('http://x', 'allowedunits'), value: 895 },
        { category: coded('http://x', 'denialreason'), reason: { text: 'secret' } },
      ]),
  ],
  'authorizations and referrals': [
    'line',
    (whole) => {
      whole['preAuthRef'] = ['secret-1'];
      whole['insurance'] = [{ focal: true, coverage: { reference: 'Coverage/c' }, preAuthRef: ['secret-2'] }];
      whole['referral'] = { reference: 'ServiceRequest/secret' };
    },
  ],
  'an extension of the claim with a text': [
    'line',
    (whole) => (whole['extension'] = [{ url: 'http://x', valueString: 'secret' }]),
  ],
  // Added items.
  'an added item of the line': [
    'line',
    (whole) => (whole['addItem'] = [{ itemSequence: [2], productOrService: { text: 'secret' } }]),
  ],
  'an added item with the code': [
    'line',
    (whole, [, two]) => {
      two!['productOrService'] = coded(HCPCS, '99214');
      whole['addItem'] = [{ itemSequence: [2], detail: [{ subDetail: [{ productOrService: coded('', 'h0020') }] }] }];
    },
  ],
  'an added item of two lines': [
    'claim',
    (whole) => (whole['addItem'] = [{ itemSequence: [1, 2], productOrService: { text: 'x' } }]),
  ],
  // Contained resources.
  'a contained resource of the line': [
    'line',
    (whole, [, two]) => {
      whole['contained'] = [{ resourceType: 'Location', id: 'l', name: 'secret' }];
      two!['locationReference'] = { reference: '#l' };
    },
  ],
  'a contained resource with the code': [
    'line',
    (whole, [, two]) => {
      two!['productOrService'] = coded(HCPCS, '99214');
      whole['contained'] = [
        { resourceType: 'Encounter', id: 'e', diagnosis: [{ condition: { reference: '#c' } }] },
        { resourceType: 'Condition', id: 'c', code: coded(ICD10, 'F11.20') },
      ];
      two!['encounter'] = [{ reference: '#e' }];
    },
  ],
  'a contained resource with the code that the claim names': [
    'claim',
    (whole) => {
      whole['contained'] = [{ resourceType: 'Location', id: 'l', type: [coded(HCPCS, 'H0020')] }];
      whole['facility'] = { reference: '#l' };
    },
  ],
  'a contained bundle': [
    'claim',
    (whole) => (whole['contained'] = [{ resourceType: 'Bundle', id: 'b', entry: [{ resource: { id: 'x' } }] }]),
  ],
  // The claim as a whole.
  'the type of the claim': ['claim', (whole) => (whole['subType'] = coded(HCPCS, 'H0020'))],
  prescription: ['claim', (whole) => (whole['prescription'] = { reference: 'MedicationRequest/x' })],
  'a prior authorization': ['claim', (whole) => (whole['use'] = 'preauthorization')],
  'an element that nobody knows': ['claim', (whole) => (whole['formula'] = 'x')],
  'the extension of a primitive': ['claim', (whole) => (whole['_created'] = { extension: [{ url: 'x' }] })],
  'a modifier extension': ['claim', (_, [one]) => (one!['modifierExtension'] = [{ url: 'x', valueBoolean: true }])],
  'a number that is there twice': ['claim', (_, [one]) => (one!['sequence'] = 2)],
  'no other line': ['claim', (whole, [, two]) => (whole['item'] = [two])],
  'an identifier with the code': ['claim', (whole) => (whole['identifier'] = [{ value: '77-H0020' }])],
  'a reference with the code': ['claim', (whole) => (whole['facility'] = { reference: 'Location/h0020' })],
  // The other lines.
  'the display of another line': [
    'claim',
    (_, [one]) => (one!['productOrService'] = coded(HCPCS, '99213', 'visit with H0020')),
  ],
  'another code of the same service, at another line': [
    'claim',
    (_, [one, two]) => {
      const own = { system: 'https://payer.example/services', code: 'OTP-1' };
      two!['productOrService'] = { coding: [{ system: HCPCS, code: 'H0020' }, own] };
      one!['productOrService'] = { coding: [own] };
    },
  ],
  'a text of another line with the same name': [
    'claim',
    (_, [one, two]) => {
      two!['productOrService'] = coded(HCPCS, 'H0020', 'Methadone administration');
      one!['productOrService'] = { ...coded(HCPCS, '99213'), text: 'Visit after methadone' };
    },
  ],
};
