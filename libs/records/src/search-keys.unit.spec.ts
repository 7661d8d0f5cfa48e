import { describe, expect, it } from 'vitest';
import type { LogRecord } from '@provider-access/engines/log';
import { indexKeys, KEYS_VERSION } from '@provider-access/fhir';
import { keysWithLabels, labelsInKeys, records, searchKeys } from './index.ts';

const AT = '2025-01-01T00:00:00.000Z';
const observation = {
  resourceType: 'Observation',
  id: 'o1',
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '4548-4' }] },
  effectiveDateTime: '2024-03-01',
};
function event(data: object): LogRecord {
  const value = {
    member: 'm1',
    type: 'Observation',
    id: 'o1',
    versionId: 1,
    lastUpdated: AT,
    businessTime: AT,
    sequence: 0,
    references: [],
    line: JSON.stringify(observation),
    ...data,
  };
  return {
    topic: 'pa.records',
    partition: 0,
    offset: 0,
    key: 'm1/Observation/o1',
    headers: { ce_type: 'line' in data && data.line === undefined ? 'pa.record-deleted.v1' : 'pa.record-accepted.v1' },
    value: Buffer.from(JSON.stringify(value)),
    timestamp: 0,
  };
}
const topic = searchKeys.topics['pa.records']!;
const keysOf = (record: LogRecord): readonly string[] =>
  (topic.evolve(undefined, record, record.key) as { keys: readonly string[] }).keys;

describe('search keys', () => {
  it('have a new version of their view when they change (raise the version of the view, then this line)', () => {
    expect([searchKeys.version, KEYS_VERSION]).toEqual([7, 'MiQQ8KXL']);
  });

  it('are those of the event if it has the keys of this version, and of its line otherwise', () => {
    const own = indexKeys(observation);
    expect(own.length).toBeGreaterThan(1);
    expect(keysOf(event({ tokens: ['x=1'], tokensBy: KEYS_VERSION, labels: [] }))).toEqual(['x=1']);
    expect(keysOf(event({ tokens: ['x=1'], tokensBy: 'another', labels: [] }))).toEqual(own);
    // A release before the keys wrote neither version nor labels.
    expect(keysOf(event({ tokens: [] }))).toEqual(own);
    expect(keysOf(event({ line: undefined, tokens: undefined }))).toEqual([]);
  });

  it('are the same whichever of the two views reads the event first', () => {
    const data = { tokens: ['x=1'], tokensBy: KEYS_VERSION, labels: ['s|R'] };
    const [alone, shared] = [event(data), event(data)];
    records.topics['pa.records']!.evolve(undefined, shared, shared.key);
    expect(keysOf(shared)).toEqual(keysOf(alone));
  });

  it('have the labels beside them as the payer wrote them, as long as there are some', () => {
    const written = ['urn:provider-access:person-id|m-2', 'https://payer.example/labels|state law'];
    const all = { tokens: [], tokensBy: KEYS_VERSION };
    const fold = (part: object | undefined, versionId: number, data: object): object => {
      const record = event({ ...all, versionId, businessTime: `2025-01-0${versionId}T00:00:00.000Z`, ...data });
      return topic.evolve(part, record, record.key) as object;
    };
    const labelled = fold(undefined, 1, { labels: written });
    expect(labelsInKeys({ _id: 'm1/Observation/o1', search: labelled })).toEqual({ member: 'm1', labels: written });
    for (const next of [{ labels: [] }, { line: undefined, tokens: undefined, labels: written }])
      expect(fold(labelled, 2, next)).not.toHaveProperty('labels');
    // A release before labels: they are in the line alone.
    const line = JSON.stringify({ ...observation, meta: { security: [{ system: 'urn:x', code: 'r' }] } });
    expect(fold(undefined, 1, { line })).toMatchObject({ labels: ['urn:x|r'] });
  });

  it('mark the records that have a label out of the ordinary', () => {
    const C = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';
    const labelled = (...labels: string[]): readonly string[] =>
      keysOf(event({ tokens: [], tokensBy: KEYS_VERSION, labels }));
    expect(labelled(`${C}|N`)).toEqual([`_security=${C}|N`]);
    expect(labelled(`${C}|N`, `${C}|r`)).toEqual(['_security', `_security=${C}|N`, `_security=${C}|R`]);
    expect(keysWithLabels([`${C}|R`, `${C}|V`])).toEqual(['_security']);
    expect(keysWithLabels([`${C}|R`, `${C}|N`])).toEqual(['_security', `_security=${C}|N`]);
    expect(keysWithLabels([])).toEqual([]);
  });
});
