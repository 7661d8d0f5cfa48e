export const lines = (resources: readonly object[]): string => resources.map((r) => `${JSON.stringify(r)}\n`).join('');

export const patient = (id: string): object => ({
  resourceType: 'Patient',
  id,
  gender: 'female',
  name: [{ family: 'Example' }],
});

export const coverage = (member: string): object => ({
  resourceType: 'Coverage',
  id: `cov-${member}`,
  status: 'active',
  beneficiary: { reference: `Patient/${member}` },
  period: { start: '2020-01-01' },
  payor: [{ reference: 'Organization/payer' }],
});

export const condition = (id: string, member: string, onset = '2024-02-03'): object => ({
  resourceType: 'Condition',
  id,
  clinicalStatus: {
    coding: [{ system: 'http://terminology.hl7.org/CodeSystem/condition-clinical', code: 'resolved' }],
  },
  subject: { reference: `Patient/${member}` },
  onsetDateTime: onset,
});

export const claim = (id: string, member: string): object => ({
  resourceType: 'Claim',
  id,
  status: 'active',
  use: 'claim',
  type: { text: 'institutional' },
  patient: { reference: `Patient/${member}` },
  created: '2024-02-03',
  provider: { display: 'Clinic' },
  priority: { text: 'normal' },
  insurance: [{ sequence: 1, focal: true, coverage: { reference: `Coverage/cov-${member}` } }],
});
/** A conditional reference to somebody of the payer's staff. */
export const staff = (id: string): object => ({ reference: `Practitioner?identifier=urn:staff|${id}` });
