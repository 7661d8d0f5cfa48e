import { Refusal } from '@provider-access/kernel';
import { SERVED_TYPES } from '@provider-access/fhir';
import { describe, expect, it } from 'vitest';
import { parseKickOff, readParametersResource, type GivenParameter, type Operation } from './parameters.ts';

const NOW = Date.UTC(2026, 0, 2);
interface Options {
  readonly operation?: Operation;
  readonly lenient?: boolean;
  readonly body?: GivenParameter[];
  readonly inScope?: (type: string) => boolean;
}
const request = (query: string, options: Options = {}) =>
  parseKickOff(
    options.operation ?? '$export',
    [...new URLSearchParams(query)].map(([name, value]) => ({ name, value })),
    options.body ?? [],
    { lenient: options.lenient ?? false, now: NOW, inScope: options.inScope ?? (() => true) },
  );
const parse = (query: string, options: Options = {}) => {
  try {
    return { ok: true, request: request(query, options) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { ok: false, fault: { kind: error.kind, text: error.message, parameter: error.expression } };
  }
};

describe('_type', () => {
  it('absent means every exported type in scope', () => {
    expect(request('').types).toEqual([...SERVED_TYPES].toSorted());
    expect(request('', { inScope: (t) => t === 'Patient' || t === 'Claim' }).types).toEqual(['Patient']);
  });
  it('is a list, repeated or not, each once', () => {
    expect(request('_type=Patient,Observation&_type=Patient,Coverage').types).toEqual([
      'Coverage',
      'Observation',
      'Patient',
    ]);
  });
  it.each([
    ['_type=Nonsense', 'invalid-value'],
    ['_type=', 'invalid-value'],
    ['_type=Patient,,', 'invalid-value'],
    ['_type=patient', 'invalid-value'],
    ['_type=Appointment', 'invalid-value'],
    ['_type=Claim', 'invalid-value'],
  ])('%s is %s', (query, kind) => {
    const served = `This server exports: ${SERVED_TYPES.join(', ')}.`;
    expect(parse(query)).toMatchObject({
      ok: false,
      fault: { kind, parameter: '_type', text: expect.stringContaining(served) },
    });
  });
  it('outside the scope is forbidden, and nothing in scope is never everything', () => {
    expect(parse('_type=Patient,Coverage', { inScope: (t) => t === 'Patient' })).toMatchObject({
      ok: false,
      fault: {
        kind: 'insufficient-scope',
        text: '_type: the access token does not cover Coverage. It covers: Patient.',
      },
    });
    expect(parse('', { inScope: () => false })).toMatchObject({ ok: false, fault: { kind: 'insufficient-scope' } });
    expect(parse('_type=Nonsense', { lenient: true })).toMatchObject({ ok: false, fault: { kind: 'invalid-value' } });
  });
  it('lenient drops what cannot be had and says so', () => {
    const { types, warnings } = request('_type=Patient,Nonsense,Coverage', {
      lenient: true,
      inScope: (t) => t !== 'Coverage',
    });
    expect(types).toEqual(['Patient']);
    expect(warnings.map((w) => [w.code, w.parameter])).toEqual([
      ['value', '_type'],
      ['forbidden', '_type'],
    ]);
  });
});

describe('resourceTypes', () => {
  const operation = '$davinci-data-export';
  it('is _type under the name that the pages of ATR use', () => {
    expect(request('resourceTypes=Patient,Coverage', { operation })).toEqual(
      request('_type=Patient,Coverage', { operation }),
    );
    const body = [{ name: 'resourceTypes', value: 'Patient' }];
    expect(request('', { operation, body }).types).toEqual(['Patient']);
  });
  it('is named by its faults and warnings', () => {
    expect(parse('resourceTypes=Nonsense', { operation })).toMatchObject({
      fault: { kind: 'invalid-value', parameter: 'resourceTypes', text: expect.stringMatching(/^resourceTypes names/) },
    });
    expect(request('resourceTypes=Patient,Claim', { operation, lenient: true }).warnings).toMatchObject([
      { parameter: 'resourceTypes' },
    ]);
  });
  it.each([false, true])('together with _type is refused, and the error names both (lenient: %s)', (lenient) => {
    const fault = {
      kind: 'invalid-request',
      text: 'resourceTypes and _type are the same parameter: give one of them.',
    };
    expect(parse('resourceTypes=Patient&_type=Patient', { operation, lenient })).toMatchObject({ ok: false, fault });
    const body = [{ name: '_type', value: 'Patient' }];
    expect(parse('resourceTypes=Patient', { operation, lenient, body })).toMatchObject({ ok: false, fault });
  });
  it('is no parameter of $export', () => {
    expect(parse('resourceTypes=Patient')).toMatchObject({ ok: false, fault: { kind: 'not-supported' } });
    expect(request('resourceTypes=Patient&_type=Coverage', { lenient: true }).types).toEqual(['Coverage']);
  });
});

describe('_since', () => {
  it.each([
    ['2026-01-01T10:00:00Z', '2026-01-01T10:00:00.000Z'],
    ['2026-01-01T10:00:00.123%2B02:00', '2026-01-01T08:00:00.123Z'],
    ['1999-01-01T00:00:00Z', '1999-01-01T00:00:00.000Z'],
  ])('%s', (value, since) => {
    expect(request(`_since=${value}`).since).toBe(since);
  });
  it.each([
    '2026-01-01',
    '2026-01-01T10:00:00',
    '2026-01-01T10:00Z',
    'yesterday',
    '',
    '2026-02-30T10:00:00Z',
    '2026-01-01T25:00:00Z',
    '2026-01-01T10:00:00+02:00',
    '2027-01-01T00:00:00Z',
  ])('%s is refused, with lenient too', (value) => {
    for (const lenient of [false, true])
      expect(parse(`_since=${value}`, { lenient })).toMatchObject({
        ok: false,
        fault: { kind: 'invalid-value', parameter: '_since' },
      });
  });
  it('twice is refused', () => {
    expect(parse('_since=2025-01-01T00:00:00Z&_since=2025-01-02T00:00:00Z')).toMatchObject({
      ok: false,
      fault: { kind: 'invalid-request' },
    });
  });
});

describe('the others', () => {
  it.each(['application/fhir%2Bndjson', 'application/ndjson', 'ndjson'])('_outputFormat %s', (format) => {
    expect(request(`_outputFormat=${format}`).warnings).toEqual([]);
  });
  it.each([
    '_outputFormat=csv',
    '_typeFilter=Patient?active=true',
    'patient=Patient/1',
    '_elements=id',
    '_until=2026-01-01T00:00:00Z',
    'includeAssociatedData=LatestProvenanceResources',
    'organizeOutputBy=Patient',
    'foo=bar',
    'exportType=provider-download',
    '_TYPE=Patient',
  ])('%s is not supported, or a warning', (query) => {
    const name = query.split('=')[0];
    expect(parse(query)).toMatchObject({ ok: false, fault: { kind: 'not-supported', parameter: name } });
    expect(request(query, { lenient: true }).warnings).toEqual([
      { code: 'not-supported', parameter: name, text: expect.stringContaining('ignored') as string },
    ]);
  });
  it('never repeats a value of the client in a text', () => {
    const parsed = parse('_type=SECRET1&_since=SECRET2');
    expect(JSON.stringify(parsed)).not.toContain('SECRET');
  });
  it('in body and URL at once is refused', () => {
    expect(parse('_type=Patient', { body: [{ name: '_type', value: 'Patient' }] })).toMatchObject({
      ok: false,
      fault: { kind: 'invalid-request', parameter: '_type' },
    });
    expect(request('_type=Patient', { body: [{ name: '_since', value: '2025-01-01T00:00:00Z' }] })).toMatchObject({
      types: ['Patient'],
      since: '2025-01-01T00:00:00.000Z',
    });
  });
});

describe('exportType on $davinci-data-export', () => {
  const davinci = (query: string, lenient = false) => parse(query, { operation: '$davinci-data-export', lenient });
  it.each([
    ['', 'provider-download'],
    ['_since=2025-01-01T00:00:00Z', 'provider-delta'],
    ['exportType=hl7.fhir.us.davinci-pdex%23provider-snapshot', 'provider-snapshot'],
    ['exportType=provider-delta&_since=2025-01-01T00:00:00Z', 'provider-delta'],
  ])('%s means %s', (query, exportType) => {
    expect(davinci(query)).toMatchObject({ ok: true, request: { exportType } });
  });
  it.each([
    ['exportType=provider-delta', 'required'],
    ['exportType=everything', 'invalid-value'],
    ['exportType=hl7.fhir.us.davinci-pdex%23payertopayer', 'not-supported'],
    ['exportType=hl7.fhir.us.davinci-atr', 'not-supported'],
    ['exportType=hl7.fhir.us.davinci-atr&_type=Patient,Coverage', 'not-supported'],
  ])('%s is %s', (query, kind) => {
    expect(davinci(query)).toMatchObject({ ok: false, fault: { kind } });
  });
});

describe('a Parameters resource', () => {
  it('gives name and value whatever the value is called', () => {
    expect(
      readParametersResource({
        resourceType: 'Parameters',
        parameter: [
          { name: '_since', valueInstant: 'x' },
          { name: 'exportType', valueCanonical: 'y' },
          { name: '_type', valueString: 'z' },
          { name: 'p', valueReference: { reference: 'Patient/1' } },
        ],
      }),
    ).toEqual([
      { name: '_since', value: 'x' },
      { name: 'exportType', value: 'y' },
      { name: '_type', value: 'z' },
      { name: 'p', value: '' },
    ]);
    expect(readParametersResource({ resourceType: 'Parameters' })).toEqual([]);
  });
  it.each([
    {},
    [],
    'x',
    null,
    1,
    { resourceType: 'Patient' },
    { resourceType: 'Parameters', parameter: {} },
    { resourceType: 'Parameters', parameter: [1] },
    { resourceType: 'Parameters', parameter: [{}] },
    { resourceType: 'Parameters', parameter: [{ name: 'a', valueString: '1', valueCode: '2' }] },
  ])('refuses %j', (body) => {
    expect(readParametersResource(body)).toBeUndefined();
  });
});
