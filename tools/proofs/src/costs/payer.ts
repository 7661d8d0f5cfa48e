const NPI = '1234567893';
export const MEMBERS: readonly string[] = Array.from({ length: 60 }, (_, i) => `m${i}`);
/** Conditions of the first member, each with a Provenance. */
export const CONDITIONS = 300;
const MEDICATIONS = 50;
const VERSIONS = 30;
const PRACTITIONERS = 100;

/** NDJSON lines of a payer with one member who has many resources, and other members. */
export function payerEvents(): readonly string[] {
  let count = 0;
  const event = (type: string, subject: string, data: unknown, second = 0): string =>
    JSON.stringify({
      specversion: '1.0',
      id: `e${count++}`,
      source: '/payer',
      type,
      subject,
      time: new Date(Date.UTC(2025, 0, 1, 0, 0, second)).toISOString(),
      data,
    });
  const recorded = (member: string, resource: object, second?: number): string =>
    event('payer.resource-recorded.v1', member, { resource }, second);
  const [first] = MEMBERS as [string];
  const subject = { reference: `Patient/${first}` };
  const many = (number: number, make: (i: number) => readonly string[]): readonly string[] =>
    Array.from({ length: number }, (_, i) => make(i)).flat();
  return [
    event('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'in-network', from: '2020-01-01' }),
    ...MEMBERS.flatMap((member) => [
      recorded(member, {
        resourceType: 'Coverage',
        id: `${member}-cov`,
        status: 'active',
        period: { start: '2020-01-01' },
        beneficiary: { reference: `Patient/${member}` },
        payor: [{ reference: 'Organization/payer' }],
      }),
      event('payer.attribution-asserted.v1', member, { provider: { npi: NPI }, from: '2020-01-01' }),
      recorded(member, { resourceType: 'Patient', id: member, name: [{ family: `Family ${member}` }] }),
    ]),
    ...many(CONDITIONS, (i) => [
      recorded(first, {
        resourceType: 'Condition',
        id: `c${i}`,
        subject,
        code: { coding: [{ system: 'urn:codes', code: `code-${i % 7}` }], text: 'text '.repeat(20) },
        recordedDate: `2024-03-${String((i % 28) + 1).padStart(2, '0')}`,
        clinicalStatus: { coding: [{ code: 'active' }] },
      }),
      recorded(first, {
        resourceType: 'Provenance',
        id: `p${i}`,
        target: [subject, { reference: `Condition/c${i}` }],
        recorded: '2024-03-01T00:00:00Z',
        agent: [{ who: { display: 'payer' } }],
      }),
    ]),
    ...many(MEDICATIONS, (i) => [
      recorded(first, { resourceType: 'Medication', id: `med${i}`, code: { text: 'aspirin' } }),
      recorded(first, {
        resourceType: 'MedicationRequest',
        id: `rx${i}`,
        status: 'active',
        intent: 'order',
        medicationReference: { reference: `Medication/med${i}` },
        subject,
        authoredOn: '2024-03-02',
      }),
    ]),
    ...many(VERSIONS, (i) => [
      recorded(first, { resourceType: 'Condition', id: 'c0', subject, code: { text: `version ${i}` } }, i + 1),
    ]),
    ...many(PRACTITIONERS, (i) => [
      event('payer.provider-recorded.v1', NPI, {
        resource: { resourceType: 'Practitioner', id: `doc${i}`, name: [{ family: 'Who', given: [`n${i}`] }] },
      }),
      event('payer.provider-recorded.v1', NPI, {
        resource: {
          resourceType: 'PractitionerRole',
          id: `role${i}`,
          practitioner: { reference: `Practitioner/doc${i}` },
        },
      }),
    ]),
  ];
}
