import { flat } from '../flat.ts';
import { dateOf, DAY, instantOf } from '../calendar.ts';
import { type Disease, DRUGS, type Drug, OFFICE_VISITS, type Service, SERVICES } from '../catalogue.ts';
import type { Member } from '../member.ts';
import {
  basis,
  C4BB_CODES,
  coded,
  type Json,
  NUBC,
  PAYER,
  organization,
  practitioner,
  reference,
  type Resource,
  THO,
  usd,
} from '../profiles.ts';
import type { Random } from '../random.ts';
import type { Roster, RosterPractitioner } from '../roster.ts';
import { bill, cdt, cpt, icd, insurer, ndc, place, revenue, roleOf, subType, taxonomy } from './claim-codes.ts';

/** The input of every claim. `received` is when the payer got it; the claim is adjudicated some days later. */
export interface ClaimContext {
  readonly member: Member;
  readonly roster: Roster;
  readonly random: Random;
  readonly id: string;
  readonly start: number;
  readonly end: number;
  readonly received: number;
  readonly disease: Disease;
  readonly practitioner: RosterPractitioner;
  /** The EOB that this one replaces: an adjusted claim names the one it adjusts. */
  readonly prior?: string;
}

const PAID = flat(C4BB_CODES, 'C4BBPayerAdjudicationStatus');
const DISCRIMINATOR = flat(C4BB_CODES, 'C4BBAdjudicationDiscriminator');

/** Concepts that every claim repeats are made once and shared, because nobody changes a resource in place. */
const concepts = <Code extends string>(system: string, ...codes: Code[]): Readonly<Record<Code, Json>> =>
  Object.fromEntries(codes.map((code) => [code, coded(system, code)])) as Record<Code, Json>;
const CARIN_AMOUNTS = concepts(
  flat(C4BB_CODES, 'C4BBAdjudication'),
  'paidtoprovider',
  'memberliability',
  'discount',
  'drugcost',
);
const BASE_AMOUNTS = concepts(flat(THO, 'adjudication'), 'submitted', 'eligible', 'benefit', 'copay');
const SLICES = concepts(
  DISCRIMINATOR,
  'benefitpaymentstatus',
  'billingnetworkstatus',
  'renderingnetworkstatus',
  'adjustmentreason',
  'allowedunits',
);
const CARC = concepts('https://x12.org/codes/claim-adjustment-reason-codes', '45', '50');
const STATUSES = concepts(PAID, 'innetwork', 'paid');
const INFO = concepts(
  flat(C4BB_CODES, 'C4BBSupportingInfoType'),
  'clmrecvddate',
  'servicefacility',
  'medicalrecordnumber',
  'patientaccountnumber',
  'typeofbill',
  'pointoforigin',
  'admtype',
  'discharge-status',
  'admissionperiod',
  'drg',
  'dayssupply',
  'dawcode',
  'refillnum',
  'brandgenericindicator',
  'rxorigincode',
  'refillsauthorized',
  'compoundcode',
);
const CLAIM_TYPES = concepts(flat(THO, 'claim-type'), 'professional', 'institutional', 'pharmacy', 'oral');
const UNIQUE_CLAIM = coded(flat(C4BB_CODES, 'C4BBIdentifierType'), 'uc');
const PRIOR = coded(flat(THO, 'ex-relatedclaimrelationship'), 'prior');
const BENEFIT = coded(flat(THO, 'ex-benefitcategory'), '1');
const DEDUCTIBLE = coded(flat(THO, 'benefit-type'), 'deductible');
const DEDUCTIBLE_ALLOWED = usd(150_000);
const CLAIM_NUMBER = flat(PAYER, '/claim-number');
const ALLOWED_AMOUNT = flat(PAYER, '/fhir/StructureDefinition/allowed-amount');
const PRINCIPAL = coded(flat(THO, 'ex-diagnosistype'), 'principal');
const FOR_VISIT = coded(flat(C4BB_CODES, 'C4BBClaimDiagnosisType'), 'patientreasonforvisit');
const NO_PROCEDURE = coded(flat(THO, 'data-absent-reason'), 'not-applicable');

const amount = (code: keyof typeof CARIN_AMOUNTS, cents: number): Json => ({
  category: CARIN_AMOUNTS[code],
  amount: usd(cents),
});
const submitted = (code: keyof typeof BASE_AMOUNTS, cents: number): Json => ({
  category: BASE_AMOUNTS[code],
  amount: usd(cents),
});
const IN_NETWORK = {
  benefit: inNetwork('benefitpaymentstatus'),
  billing: inNetwork('billingnetworkstatus'),
  rendering: inNetwork('renderingnetworkstatus'),
};
function inNetwork(slice: keyof typeof SLICES): Json {
  return { category: SLICES[slice], reason: STATUSES.innetwork };
}

/** What the plan and the member pay of a charge, in cents. */
interface Split {
  readonly charged: number;
  readonly allowed: number;
  readonly paid: number;
  readonly member: number;
  readonly discount: number;
}
function split(random: Random, charged: number): Split {
  const allowed = Math.round(charged * (0.45 + random.unit() * 0.4));
  const member = Math.round(allowed * random.pick([0, 0.1, 0.2, 0.2, 0.3]));
  return { charged, allowed, paid: allowed - member, member, discount: charged - allowed };
}
const totals = (s: Split): Json[] => [
  submitted('submitted', s.charged),
  submitted('eligible', s.allowed),
  amount('paidtoprovider', s.paid),
  amount('memberliability', s.member),
  amount('discount', s.discount),
];
const itemAmounts = (s: Split): Json[] => [
  submitted('submitted', s.charged),
  submitted('benefit', s.paid),
  amount('discount', s.discount),
  amount('memberliability', s.member),
  amount('paidtoprovider', s.paid),
  submitted('copay', s.member),
];
/**
 * Why the plan pays less than was charged (X12 CARC): 45 contractual, 50 not necessary, so denied. The platform may
 * show the code, but not its amount.
 */
const adjusted = (code: keyof typeof CARC, cents: number): Json => ({
  category: SLICES.adjustmentreason,
  reason: CARC[code],
  amount: usd(cents),
});
const UNITS = [0, 1].map((value): Json => ({ category: SLICES.allowedunits, value }));
const info = (sequence: number, code: keyof typeof INFO, value: Json): Json => ({
  sequence,
  category: INFO[code],
  ...value,
});

function eob(
  c: ClaimContext,
  kind: string,
  claimType: keyof typeof CLAIM_TYPES,
  provider: Json,
  s: Split,
  parts: Json,
): Resource {
  const adjudicated = c.received + c.random.int(1, 12) * DAY;
  return {
    resourceType: 'ExplanationOfBenefit',
    id: c.id,
    meta: { lastUpdated: instantOf(adjudicated), profile: [basis(kind)] },
    identifier: [{ type: UNIQUE_CLAIM, system: CLAIM_NUMBER, value: c.id.toUpperCase() }],
    status: 'active',
    type: CLAIM_TYPES[claimType],
    use: 'claim',
    patient: reference('Patient', c.member.id),
    billablePeriod: { start: dateOf(c.start), end: dateOf(c.end) },
    created: instantOf(c.received),
    insurer: insurer(c.roster.payer),
    provider,
    outcome: 'complete',
    ...(c.prior !== undefined && {
      related: [{ relationship: PRIOR, reference: { system: CLAIM_NUMBER, value: c.prior.toUpperCase() } }],
    }),
    insurance: [{ focal: true, coverage: reference('Coverage', c.member.coverageId) }],
    ...parts,
    total: totals(s),
    payment: { type: STATUSES.paid, date: dateOf(adjudicated + 3 * DAY), amount: usd(s.paid) },
    benefitBalance: [
      {
        category: BENEFIT,
        financial: [{ type: DEDUCTIBLE, allowedMoney: DEDUCTIBLE_ALLOWED, usedMoney: usd(s.member * 3) }],
      },
    ],
    processNote: [
      {
        number: 1,
        type: 'display',
        text: flat('You may owe $', (s.member / 100).toFixed(2), ' to the provider of this service.'),
      },
    ],
    extension: [{ url: ALLOWED_AMOUNT, valueMoney: usd(s.allowed) }],
  };
}

const diagnoses = (c: ClaimContext, type: Json): Json[] => [
  { sequence: 1, diagnosisCodeableConcept: icd(c.disease.icd), type: [type] },
];
const careTeam = (c: ClaimContext, role: string): Json[] => [
  {
    sequence: 1,
    provider: practitioner(c.practitioner.id),
    role: roleOf(role),
    qualification: taxonomy(c.practitioner.taxonomy),
  },
];
const account = (c: ClaimContext, from: number): Json[] => [
  info(from, 'medicalrecordnumber', { valueString: flat('MRN-', c.member.cardNumber) }),
  info(from + 1, 'patientaccountnumber', { valueString: flat('ACC-', c.id.toUpperCase()) }),
];

/** Share of professional lines that the plan did not pay. */
const DENIED_LINES = 0.05;

/** An office visit or another professional service; `visit` makes the first line an evaluation. */
export function professionalClaim(c: ClaimContext, visit: boolean): Resource {
  const lines: Service[] = [visit ? c.random.pick(OFFICE_VISITS) : c.random.pick(SERVICES)];
  for (let more = c.random.poisson(visit ? 0.9 : 0.5); more > 0 && lines.length < 5; more--)
    lines.push(c.random.pick(SERVICES));
  let total = 0;
  const item = lines.map((service, i) => {
    const s = split(c.random, service.cents);
    const denied = c.random.chance(DENIED_LINES);
    total += service.cents;
    return {
      sequence: i + 1,
      careTeamSequence: [1],
      diagnosisSequence: [1],
      productOrService: cpt(service.cpt),
      servicedDate: dateOf(c.start),
      locationCodeableConcept: place(visit ? '11' : '22'),
      quantity: { value: 1 },
      unitPrice: usd(service.cents),
      net: usd(service.cents),
      adjudication: [
        IN_NETWORK.benefit,
        UNITS[denied ? 0 : 1]!,
        adjusted(denied ? '50' : '45', denied ? service.cents : s.discount),
        ...itemAmounts(s),
      ],
    };
  });
  return eob(c, 'Professional-NonClinician', 'professional', organization(c.member.home.id), split(c.random, total), {
    careTeam: careTeam(c, 'rendering'),
    diagnosis: diagnoses(c, PRINCIPAL),
    supportingInfo: [
      info(1, 'clmrecvddate', { timingDate: dateOf(c.received) }),
      info(2, 'servicefacility', { valueReference: organization(c.member.home.id) }),
      ...account(c, 3),
    ],
    adjudication: [IN_NETWORK.billing, IN_NETWORK.rendering],
    item,
  });
}

const ADMITTED = {
  origin: { code: coded(flat(NUBC, 'PointOfOrigin'), '1') },
  priority: { code: coded(flat(NUBC, 'PriorityTypeOfAdmitOrVisit'), '3') },
  discharge: { code: coded(flat(NUBC, 'PatDischargeStatus'), '01') },
};
const institutionalInfo = (c: ClaimContext, from: number, type: string): Json[] => [
  info(from, 'clmrecvddate', { timingDate: dateOf(c.received) }),
  info(from + 1, 'typeofbill', { code: bill(type) }),
  info(from + 2, 'pointoforigin', ADMITTED.origin),
  info(from + 3, 'admtype', ADMITTED.priority),
  info(from + 4, 'discharge-status', ADMITTED.discharge),
  ...account(c, from + 5),
];

/** The claim of the hospital. `total`: cents of its lines. */
const hospitalClaim = (c: ClaimContext, kind: 'Outpatient' | 'Inpatient', total: number, parts: Json): Resource =>
  eob(c, flat(kind, '-Institutional'), 'institutional', organization(c.roster.hospital), split(c.random, total), {
    subType: subType(kind.toLowerCase()),
    adjudication: [IN_NETWORK.benefit, IN_NETWORK.billing],
    ...parts,
  });

export function outpatientClaim(c: ClaimContext): Resource {
  let total = 0;
  const item = Array.from({ length: 1 + c.random.poisson(1.4) }, (_, i) => {
    const service = c.random.pick(SERVICES);
    total += service.cents * 2;
    return {
      sequence: i + 1,
      revenue: revenue('0450'),
      productOrService: cpt(service.cpt),
      servicedDate: dateOf(c.start),
      quantity: { value: 1 },
      net: usd(service.cents * 2),
      adjudication: [IN_NETWORK.benefit, ...itemAmounts(split(c.random, service.cents * 2))],
    };
  });
  return hospitalClaim(c, 'Outpatient', total, {
    careTeam: careTeam(c, 'rendering'),
    diagnosis: diagnoses(c, FOR_VISIT),
    supportingInfo: institutionalInfo(c, 1, '131'),
    item,
  });
}

export function inpatientClaim(c: ClaimContext): Resource {
  let total = 0;
  const item = Array.from({ length: 3 + c.random.poisson(3) }, (_, i) => {
    const cents = c.random.int(40_000, 900_000);
    total += cents;
    return {
      sequence: i + 1,
      revenue: revenue(c.random.pick(['0120', '0250', '0300', '0360', '0730'])),
      productOrService: NO_PROCEDURE,
      servicedDate: dateOf(c.start),
      quantity: { value: c.random.int(1, 4) },
      net: usd(cents),
      adjudication: itemAmounts(split(c.random, cents)),
    };
  });
  return hospitalClaim(c, 'Inpatient', total, {
    careTeam: careTeam(c, 'attending'),
    diagnosis: diagnoses(c, PRINCIPAL),
    supportingInfo: [
      info(1, 'admissionperiod', { timingPeriod: { start: dateOf(c.start), end: dateOf(c.end) } }),
      ...institutionalInfo(c, 2, '111'),
      info(9, 'drg', {
        code: coded(
          'https://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment/AcuteInpatientPPS/MS-DRG-Classifications-and-Software',
          '291',
        ),
      }),
    ],
    item,
  });
}

const DISPENSED = {
  asWritten: info(2, 'dawcode', { code: coded(flat(THO, 'NCPDPDispensedAsWrittenOrProductSelectionCode'), '0') }),
  generic: info(4, 'brandgenericindicator', { code: coded(flat(THO, 'NCPDPBrandGenericIndicator'), '2') }),
  origin: info(5, 'rxorigincode', { code: coded(flat(THO, 'NCPDPPrescriptionOriginCode'), '3') }),
  refills: info(6, 'refillsauthorized', { valueQuantity: { value: 5 } }),
  compound: info(8, 'compoundcode', { code: coded(flat(THO, 'NCPDPCompoundCode'), '1') }),
};
export function pharmacyClaim(c: ClaimContext, drug: Drug = c.random.pick(DRUGS), refill = 0): Resource {
  const s = split(c.random, drug.cents);
  const days = c.random.pick([30, 30, 90]);
  return eob(c, 'Pharmacy', 'pharmacy', organization(c.random.pick(c.roster.pharmacies)), s, {
    careTeam: careTeam(c, 'prescribing'),
    supportingInfo: [
      info(1, 'dayssupply', { valueQuantity: { value: days } }),
      DISPENSED.asWritten,
      info(3, 'refillnum', { valueQuantity: { value: refill } }),
      DISPENSED.generic,
      DISPENSED.origin,
      DISPENSED.refills,
      info(7, 'clmrecvddate', { timingDate: dateOf(c.received) }),
      DISPENSED.compound,
    ],
    adjudication: [IN_NETWORK.benefit, IN_NETWORK.billing],
    item: [
      {
        sequence: 1,
        productOrService: ndc(drug.ndc),
        servicedDate: dateOf(c.start),
        quantity: { value: days, unit: drug.unit },
        unitPrice: usd(Math.round(drug.cents / days)),
        net: usd(drug.cents),
        adjudication: [...itemAmounts(s), amount('drugcost', s.allowed)],
      },
    ],
  });
}

export function oralClaim(c: ClaimContext): Resource {
  const s = split(c.random, 14_000);
  return eob(c, 'Oral', 'oral', practitioner(c.practitioner.id), s, {
    careTeam: careTeam(c, 'rendering'),
    diagnosis: [{ sequence: 1, diagnosisCodeableConcept: icd('Z01.21'), type: [PRINCIPAL] }],
    supportingInfo: [info(1, 'clmrecvddate', { timingDate: dateOf(c.received) }), ...account(c, 2)],
    adjudication: [IN_NETWORK.rendering, IN_NETWORK.benefit, IN_NETWORK.billing],
    item: ['D0120', 'D1110'].map((code, i) => ({
      sequence: i + 1,
      productOrService: cdt(code),
      servicedDate: dateOf(c.start),
      locationCodeableConcept: place('11'),
      net: usd(7_000),
      adjudication: [IN_NETWORK.benefit, ...itemAmounts(split(c.random, 7_000))],
    })),
  });
}
