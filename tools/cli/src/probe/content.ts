import { randomUUID } from 'node:crypto';
import type { DomainEvent, PayerEventType } from '@provider-access/events';
import type { FhirResource } from '@provider-access/fhir';

/**
 * The synthetic member of a probe, and the provider whose app may see it. No person has this name, and no data is real.
 */
export interface ProbeWorld {
  readonly member: string;
  /** NPI of the synthetic provider organization. */
  readonly npi: string;
}
/** The NPI that the standard gives as its example, which nobody has. */
export const PROBE_NPI = '1234567893';
export const PROBE_MEMBER = 'pa-probe';
const SOURCE = 'urn:provider-access:probe';

const FROM = '2020-01-01';
const MARK = 'urn:provider-access:probe';
/** Another member: enrolled and attributed to nobody. The probe's app must never see it. */
export const strangerOf = ({ member }: Pick<ProbeWorld, 'member'>): string => `${member}-stranger`;
const idOf = ({ member }: ProbeWorld, what: string): string => `${member}-${what}`;
const USD = (value: number): object => ({ value, currency: 'USD' });
const coding = (system: string, code: string): object => ({ coding: [{ system, code }] });
const CLAIM_TYPE = 'http://terminology.hl7.org/CodeSystem/claim-type';

function patient(member: string): FhirResource {
  return {
    resourceType: 'Patient',
    id: member,
    identifier: [{ system: MARK, value: member }],
    name: [{ family: 'Probe', given: ['Synthetic'] }],
    gender: 'unknown',
    birthDate: '1970-01-01',
  };
}

/** A claim in the form of a payer, with money that nobody may see. */
function claim(
  world: ProbeWorld,
  what: string,
  use: 'claim' | 'preauthorization',
  created: string,
  mark: string,
): FhirResource {
  const money =
    use === 'claim'
      ? {
          adjudication: [
            { category: coding('http://terminology.hl7.org/CodeSystem/adjudication', 'submitted'), amount: USD(120.5) },
          ],
        }
      : {};
  return {
    resourceType: 'ExplanationOfBenefit',
    id: idOf(world, what),
    identifier: [{ system: MARK, value: mark }],
    status: 'active',
    use,
    type: coding(CLAIM_TYPE, 'professional'),
    patient: { reference: `Patient/${world.member}` },
    created,
    insurer: { display: 'The payer' },
    provider: { identifier: { system: 'http://hl7.org/fhir/sid/us-npi', value: world.npi } },
    outcome: 'complete',
    insurance: [{ focal: true, coverage: { reference: `Coverage/${idOf(world, 'coverage')}` } }],
    item: [
      {
        sequence: 1,
        productOrService: coding('http://www.ama-assn.org/go/cpt', '99213'),
        servicedDate: '2026-01-05',
        ...money,
      },
    ],
    ...(use === 'claim' && {
      total: [{ category: coding('http://terminology.hl7.org/CodeSystem/adjudication', 'benefit'), amount: USD(98.2) }],
      payment: { amount: USD(98.2) },
    }),
  };
}

/** The payer's resources of the member, and what the probe expects to see: the same without money. */
export function probeResources(world: ProbeWorld): readonly FhirResource[] {
  const { member } = world;
  return [
    patient(member),
    {
      resourceType: 'Coverage',
      id: idOf(world, 'coverage'),
      status: 'active',
      subscriberId: member,
      beneficiary: { reference: `Patient/${member}` },
      payor: [{ display: 'The payer' }],
    },
    {
      resourceType: 'Condition',
      id: idOf(world, 'condition'),
      clinicalStatus: coding('http://terminology.hl7.org/CodeSystem/condition-clinical', 'active'),
      code: { text: 'synthetic' },
      subject: { reference: `Patient/${member}` },
    },
    claim(world, 'claim', 'claim', '2026-01-06', member),
    claim(world, 'prior-authorization', 'preauthorization', '2026-01-04', member),
  ];
}
/**
 * A claim that changes with every run: `mark` identifies the run. It is one resource, so that years of probing leave
 * only one.
 */
export const freshClaim = (world: ProbeWorld, mark: string, at: string): FhirResource =>
  claim(world, 'fresh', 'claim', at.slice(0, 10), mark);
export const marksOf = (resource: FhirResource): readonly string[] =>
  ((resource['identifier'] as { system?: string; value?: string }[] | undefined) ?? []).flatMap((i) =>
    i.system === MARK && i.value !== undefined ? [i.value] : [],
  );

export function event(type: PayerEventType, subject: string, data: Record<string, unknown>, at: string): DomainEvent {
  return { id: randomUUID(), source: SOURCE, type, time: at, subject, data };
}
const recorded =
  (member: string, at: string) =>
  (resource: FhirResource): DomainEvent =>
    event('payer.resource-recorded.v1', member, { resource }, at);

/**
 * The events that make the probe's member, the other member and the provider. Publishing them again changes only times.
 * @param at RFC 3339 instant
 */
export function creation(world: ProbeWorld, at: string): readonly DomainEvent[] {
  const { member, npi } = world;
  const stranger = strangerOf(world);
  return [
    event('payer.network-status-changed.v1', npi, { npi, status: 'in-network', from: FROM }, at),
    // Not the id of the Coverage, because the probe does not know how the payer identifies itself there.
    event('payer.member-enrolled.v1', member, { coverageId: idOf(world, 'enrolment'), from: FROM }, at),
    ...probeResources(world).map(recorded(member, at)),
    event('payer.attribution-asserted.v1', member, { provider: { npi }, from: FROM, basis: 'synthetic probe' }, at),
    event('payer.member-enrolled.v1', stranger, { coverageId: `${stranger}-coverage`, from: FROM }, at),
    recorded(stranger, at)(patient(stranger)),
  ];
}

/** The events that remove them again: deletions, the end of the attribution and of the coverage. */
export function removal(world: ProbeWorld, at: string): readonly DomainEvent[] {
  const { member, npi } = world;
  const stranger = strangerOf(world);
  const deleted = (of: string, resourceType: string, id: string): DomainEvent =>
    event('payer.resource-deleted.v1', of, { resourceType, id }, at);
  return [
    ...[...probeResources(world), freshClaim(world, '', at)].map((r) => deleted(member, r.resourceType, r.id!)),
    event('payer.attribution-ended.v1', member, { provider: { npi }, to: at }, at),
    event('payer.member-terminated.v1', member, { to: at }, at),
    deleted(stranger, 'Patient', stranger),
    event('payer.member-terminated.v1', stranger, { coverageId: `${stranger}-coverage`, to: at }, at),
  ];
}
