import { describe, expect, it } from 'vitest';
import type { Disclosure } from '@provider-access/events';
import { auditEvent } from './audit-event.ts';
import { auditEventId, auditEventKey } from './id.ts';

const document = '2026-01-02T03:04:05.678Z/5f0c2f8e-1111-4222-8333-000000000001/0';
/** An entry as the release before wrote it. */
const earlier: Disclosure = {
  client: 'c1',
  action: 'search',
  outcome: 'released',
  members: ['m1', 'm2'],
  resources: 3,
  types: ['Condition', 'Provenance'],
  at: '2026-01-02T03:04:05.678Z',
};
const of = (changes: Partial<Disclosure>, member?: number) =>
  auditEvent({ id: document, disclosure: { ...earlier, ...changes } }, 'https://pa.example', member);

describe('an AuditEvent', () => {
  it('of an entry of the release before names the client by its id, and claims no purpose', () => {
    const event = of({});
    expect(event).toMatchObject({
      id: '20260102030405678-5f0c2f8e-1111-4222-8333-000000000001-0',
      recorded: earlier.at,
      agent: [{ who: { identifier: { value: 'c1' }, display: 'c1' } }, { requestor: false }],
    });
    expect(event).not.toHaveProperty('purposeOfEvent');
  });

  it('has the searched type and the query without what may name a person, as text and as base64', () => {
    const entity = of({ query: 'category=laboratory&patient' })['entity'] as { query?: string; description?: string }[];
    const query = entity.find((one) => one.query !== undefined)!;
    expect(query.description).toBe('Condition?category=laboratory&patient');
    expect(Buffer.from(query.query!, 'base64').toString()).toBe(query.description);
  });

  it('about one of several members names this one alone, and its number of resources', () => {
    const event = of({ perMember: [1, 2] }, 1);
    expect(JSON.stringify(event)).not.toMatch(/\bm1\b/);
    expect(event['entity']).toMatchObject([{ detail: [{ valueString: '2' }] }, {}]);
    expect([event.id, event['meta']]).toEqual([
      '20260102030405678-5f0c2f8e-1111-4222-8333-000000000001-0.1',
      expect.objectContaining({ profile: [expect.stringContaining('PatientQuery')] }),
    ]);
  });

  it('claims no profile when the request was refused', () => {
    expect(of({ outcome: 'refused', reason: 'opted-out' })).toMatchObject({
      outcome: '4',
      outcomeDesc: 'opted-out',
      meta: { lastUpdated: earlier.at },
    });
    expect(of({ outcome: 'refused' })['meta']).not.toHaveProperty('profile');
  });

  it('has the number of refusals that one entry counts, also where nothing else is an entity', () => {
    const counted: Partial<Disclosure> = { outcome: 'refused', reason: 'invalid-value', members: [], count: 3 };
    const detail = [{ type: 'requests', valueString: '3' }];
    expect(of(counted)['entity']).toMatchObject([{ description: 'Condition', detail }]);
    for (const action of ['download', 'export-requested'] as const)
      expect(of({ ...counted, action })['entity']).toMatchObject([{ type: { code: '2' }, detail }]);
  });

  it('has an id of FHIR that leads back to its document', () => {
    for (const key of [{ document }, { document, member: 249 }, { document: document.replace(/0$/, '9999') }]) {
      const id = auditEventId(key);
      expect(id).toMatch(/^[A-Za-z0-9\-.]{1,64}$/);
      expect(auditEventKey(id)).toEqual(key);
    }
    for (const text of [
      '',
      'x',
      '20260102-1-0',
      `${auditEventId({ document })}/..`,
      auditEventId({ document }).repeat(2),
    ])
      expect(auditEventKey(text)).toBeUndefined();
  });
});
