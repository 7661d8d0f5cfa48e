import { describe, expect, it, vi } from 'vitest';
import { PA_RECORD_VERSIONS, PA_RECORDS } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { authorizations } from './authorizations.ts';
import { type AcceptedData, keepData, recordData } from './record-events.ts';
import { keepSuperseded, versions } from './versions.ts';

const AT = '2024-01-01T00:00:00.000Z';
const PLACE = { partition: 0, offset: 0, timestamp: 0 };
const logged = (topic: string, type: string, key: string, data: object): LogRecord => ({
  ...{ ...PLACE, topic, key, headers: { ce_type: type, ce_paversion: '1' } },
  value: Buffer.from(JSON.stringify(data)),
});

/** The texts that `work` parses. */
function parsedBy(work: () => unknown): readonly string[] {
  const parse = vi.spyOn(JSON, 'parse');
  work();
  const texts = parse.mock.calls.map(([text]) => String(text));
  parse.mockRestore();
  return texts;
}

describe('the value of a claim that this process wrote', () => {
  const line = '{"resourceType":"ExplanationOfBenefit","id":"e","use":"preauthorization"}';
  const data = {
    ...{ member: 'm', type: 'ExplanationOfBenefit', id: 'e', versionId: 1, lastUpdated: AT, businessTime: AT },
    ...{ sequence: 0, source: 's', event: 'e', contentHash: 'h', references: [], tokens: [], line },
  };
  const record = (): LogRecord => logged(PA_RECORDS, 'pa.record-accepted.v1', 'm/ExplanationOfBenefit/e', data);
  const evolve = (of: LogRecord) => authorizations.topics[PA_RECORDS]!.evolve(undefined, of, of.key);
  const bytes: AcceptedData = { ...data, line: Buffer.from(line) };

  it('is parsed by no view, and then goes', () => {
    const own = record();
    keepData(own, bytes);
    let part: unknown;
    const readers = [() => recordData(own), () => (part = evolve(own)), () => recordData(own)];
    expect(parsedBy(() => readers.forEach((read) => read()))).toEqual([line]);
    expect(part).toEqual(evolve(record()));
    expect(recordData(own)).toEqual(data);
  });

  it('is left to the other views by one that has it from another process', () => {
    const other = record();
    const readers = [() => recordData(other), () => evolve(other), () => recordData(other)];
    expect(parsedBy(() => readers.forEach((read) => read())).filter((text) => text !== line)).toHaveLength(2);
  });

  it('makes no part of a claim that is no prior authorization', () => {
    const own = record();
    keepData(own, { ...bytes, line: Buffer.from(line.replace('preauthorization', 'claim')) });
    expect(parsedBy(() => expect(evolve(own)).toBeUndefined())).toEqual([]);
  });
});

it('parses no version that this process replaced, and any other one', () => {
  const line = '{"resourceType":"Condition","id":"c","code":{"text":"é"}}';
  const data = {
    ...{ member: 'm', type: 'Condition', id: 'c', versionId: 1, lastUpdated: AT, supersededAt: AT },
    ...{ labels: ['x'], labelsBy: 'earlier rules' },
  };
  const record = logged(PA_RECORD_VERSIONS, 'pa.record-superseded.v1', 'm/Condition/c', { ...data, line });
  const { evolve: toPart } = versions.topics[PA_RECORD_VERSIONS]!;
  const evolve = () => toPart(undefined, record, record.key) as { line: string | Uint8Array };
  keepSuperseded(record, { ...data, line: Buffer.from(line) });
  let own: ReturnType<typeof evolve> | undefined;
  expect(parsedBy(() => (own = evolve())).filter((text) => text.includes('supersededAt'))).toEqual([]);
  const parsed = evolve();
  expect(parsed.line).toBe(line);
  expect({ ...own, line: Buffer.from(own!.line).toString() }).toEqual(parsed);
});
