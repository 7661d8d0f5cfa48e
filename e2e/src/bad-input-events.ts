import { toStructured, type DomainEvent } from '@provider-access/events';
import { payerEvent, type EventRow, type HttpAnswer } from './road.ts';

export const NPI = '1234567893';
export const OTHER_NPI = '1245319599';

export const recorded = (member: string, resource: object, more: Partial<DomainEvent> = {}): DomainEvent => ({
  ...payerEvent('payer.resource-recorded.v1', member, { resource }),
  ...more,
});

export const patient = (id: string, more: object = {}): object => ({
  resourceType: 'Patient',
  id,
  gender: 'female',
  ...more,
});

export const observation = (id: string, member: string, more: object = {}): object => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  code: { text: 'Test' },
  subject: { reference: `Patient/${member}` },
  effectiveDateTime: '2024-02-03',
  ...more,
});

/** A member with everything that lets the app see it. */
export const member = (id: string, npi = NPI): DomainEvent[] => [
  recorded(id, patient(id)),
  payerEvent('payer.member-enrolled.v1', id, { coverageId: `cov-${id}`, from: '2020-01-01' }),
  payerEvent('payer.attribution-asserted.v1', id, { provider: { npi }, from: '2020-01-01' }),
];

export const network = (npi: string): DomainEvent => ({
  ...payerEvent('payer.network-status-changed.v1', npi, { npi, status: 'in-network', from: '2000-01-01' }),
});

export const ndjson = (...events: (DomainEvent | string)[]): string =>
  events.map((e) => `${typeof e === 'string' ? e : JSON.stringify(toStructured(e))}\n`).join('');

export const rows = (answer: HttpAnswer): EventRow[] =>
  answer.body
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as EventRow & { summary?: unknown })
    .filter((row) => row.summary === undefined);
