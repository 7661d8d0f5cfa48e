import { Refusal } from '@provider-access/kernel';
import { SERVED_TYPES } from '@provider-access/fhir';
import { describe, expect, it } from 'vitest';
import { EXPORT_PARAMETERS, type ExportParameter } from '@provider-access/domain/pdex';
import type { GivenParameter } from './given.ts';
import { parseKickOff, type Operation } from './parameters.ts';
import { readParametersResource } from './parameters-resource.ts';

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
    { lenient: options.lenient ?? false, now: NOW, inScope: options.inScope ?? (() => true), base: 'http://us/fhir' },
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
    const served = `This server exports: ${[...SERVED_TYPES, 'Group'].join(', ')}.`;
    expect(parse(query)).toMatchObject({
      ok: false,
      fault: { kind, parameter: '_type', text: expect.stringContaining(served) },
    });
  });
  it('E44: outside the scope is forbidden, with lenient too, and nothing in scope is never everything', () => {
    expect(parse('_type=Patient,Coverage', { inScope: (t) => t === 'Patient' })).toMatchObject({
      ok: false,
      fault: {
        kind: 'insufficient-scope',
        text: '_type: the access token does not cover Coverage. It covers: Patient.',
      },
    });
    expect(parse('_type=Patient,Coverage', { lenient: true, inScope: (t) => t === 'Patient' })).toMatchObject({
      fault: { kind: 'insufficient-scope' },
    });
    expect(parse('', { inScope: () => false })).toMatchObject({ ok: false, fault: { kind: 'insufficient-scope' } });
    expect(parse('_type=Nonsense', { lenient: true })).toMatchObject({ ok: false, fault: { kind: 'invalid-value' } });
  });
  it('E44: lenient leaves out unknown types and says so', () => {
    const { types, warnings } = request('_type=Patient,Nonsense,Coverage,Claim', { lenient: true });
    expect(types).toEqual(['Coverage', 'Patient']);
    expect(warnings.map((w) => [w.code, w.parameter])).toEqual([
      ['value', '_type'],
      ['value', '_type'],
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
  it('E44: is an alias on $export too', () => {
    expect(request('resourceTypes=Patient').types).toEqual(['Patient']);
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

/** Written from E1, E2 and E10 to E49: what an export would have that ignores the parameter. */
const RESTRICTS = ['_type', 'resourceTypes', '_since', '_until', 'patient', '_typeFilter', '_elements'];
const RESTRICTS_TOO = ['includeAssociatedData', 'exportType'];
const RESTRICTS_NOTHING = ['_outputFormat', 'organizeOutputBy', 'allowPartialManifests'];

describe('_until', () => {
  it('E40: is an instant, and may be in the future', () => {
    expect(request('_until=2025-01-01T00:00:00%2B02:00').until).toBe('2024-12-31T22:00:00.000Z');
    expect(request('_until=2999-01-01T00:00:00Z').until).toBe('2999-01-01T00:00:00.000Z');
  });
  it.each([
    '_until=2025-01-01',
    '_until=now',
    '_until=',
    '_since=2025-01-01T00:00:00Z&_until=2025-01-01T00:00:00Z',
    '_since=2025-01-01T00:00:00Z&_until=2024-01-01T00:00:00Z',
  ])('E40: %s is refused, with lenient too', (query) => {
    for (const lenient of [false, true])
      expect(parse(query, { lenient })).toMatchObject({ fault: { kind: 'invalid-value', parameter: '_until' } });
  });
});

describe('the table of parameters', () => {
  const rows: readonly ExportParameter[] = EXPORT_PARAMETERS;
  it('E3: says for each parameter what ignoring it would do', () => {
    const named = (ignoring: ExportParameter['ignoring']) =>
      rows.filter((each) => each.ignoring === ignoring).map(({ name }) => name);
    expect(named('more').toSorted()).toEqual([...RESTRICTS, ...RESTRICTS_TOO].toSorted());
    expect(named('the same').toSorted()).toEqual(RESTRICTS_NOTHING.toSorted());
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
  });
  it.each(['foo', '_TYPE', '_typefilter', 'toString', '__proto__', 'patient2', 'outputFormat', 'manifestType', ''])(
    'E1, E3: %j, whose effect is unknown, is refused, lenient or not',
    (name) => {
      for (const lenient of [false, true]) {
        const parsed = parse('', { lenient, body: [{ name, value: 'x' }] });
        expect(parsed).toMatchObject({ ok: false, fault: { kind: 'not-supported' } });
      }
    },
  );
  it('E1: exportType of the other operation is refused, lenient or not', () => {
    for (const lenient of [false, true])
      expect(parse('exportType=provider-download', { lenient })).toMatchObject({
        ok: false,
        fault: { kind: 'not-supported', parameter: 'exportType' },
      });
  });
});

describe('the others', () => {
  it.each(['application/fhir%2Bndjson', 'application/ndjson', 'ndjson'])('E47: _outputFormat %s', (format) => {
    expect(request(`_outputFormat=${format}`).warnings).toEqual([]);
  });
  it.each([
    ['_outputFormat=csv', 'not-supported'],
    ['organizeOutputBy=Group', 'not-supported'],
    ['organizeOutputBy=', 'not-supported'],
    ['allowPartialManifests=perhaps', 'invalid-value'],
    ['allowPartialManifests=', 'invalid-value'],
  ])('E2, E43, E47, E49: %s is refused, or ignored with a warning when lenient', (query, kind) => {
    const name = query.split('=')[0];
    expect(parse(query)).toMatchObject({ ok: false, fault: { kind, parameter: name } });
    expect(request(query, { lenient: true }).warnings).toMatchObject([
      { parameter: name, text: expect.stringContaining('ignored') as string },
    ]);
  });
  it.each(['true', 'false'])('E49: allowPartialManifests=%s changes nothing', (value) => {
    expect(request(`allowPartialManifests=${value}`)).toEqual(request(''));
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
    // E51, E52
    ['exportType=hl7.fhir.us.davinci-atr', 'required'],
    ['exportType=hl7.fhir.us.davinci-atr&_type=Patient,Coverage', 'required'],
    ['exportType=hl7.fhir.us.davinci-atr&_type=Group,Patient,Coverage,Condition', 'invalid-value'],
    ['exportType=hl7.fhir.us.davinci-atr&_type=Group,Patient,Coverage&_until=2025-01-01T00:00:00Z', 'not-supported'],
    ['exportType=hl7.fhir.us.davinci-atr&_type=Group,Patient,Coverage&organizeOutputBy=Patient', 'not-supported'],
  ])('%s is %s', (query, kind) => {
    expect(davinci(query)).toMatchObject({ ok: false, fault: { kind } });
  });
});

describe('a Parameters resource', () => {
  const read = (...parameter: unknown[]) => readParametersResource({ resourceType: 'Parameters', parameter });
  const refused = (body: unknown): string | undefined => {
    try {
      readParametersResource(body);
    } catch (error) {
      if (error instanceof Refusal) return error.kind;
      throw error;
    }
    return undefined;
  };
  it.each([
    ['valueString', 'z', 'z'],
    ['valueCode', 'z', 'z'],
    ['valueUri', 'z', 'z'],
    ['valueCanonical', 'z', 'z'],
    ['valueInstant', 'z', 'z'],
    ['valueBoolean', true, 'true'],
    ['valueBoolean', false, 'false'],
    ['valueCoding', { system: 's', code: 'z' }, 'z'],
  ])('E6: reads %s %j', (key, value, text) => {
    expect(read({ name: '_type', [key]: value, id: 'x' })).toEqual([{ name: '_type', value: text }]);
  });
  it('E6: reads References of patient, and an identifier as no text', () => {
    expect(
      read(
        { name: 'patient', valueReference: { reference: 'Patient/1', display: 'x' } },
        { name: 'patient', valueReference: { identifier: { value: 'x' } } },
      ),
    ).toEqual([
      { name: 'patient', value: 'Patient/1' },
      { name: 'patient', value: '' },
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
    { resourceType: 'Parameters', parameter: [{ name: 1, valueString: 'x' }] },
  ])('refuses %j', (body) => {
    expect(refused(body)).toBe('invalid-request');
  });
  it.each<readonly [string, object]>([
    ['two values', { name: '_type', valueString: 'Patient', valueCode: 'Patient' }],
    ['part', { name: '_type', part: [{ name: 'x', valueString: 'Patient' }] }],
    ['a resource', { name: '_type', resource: { resourceType: 'Patient' } }],
    ['a value and a part', { name: '_type', valueString: 'Patient', part: [] }],
    ['no value', { name: '_type' }],
    ['an empty value', { name: '_type', valueString: '' }],
    ['a blank value', { name: '_type', valueString: ' ' }],
    ['null', { name: '_type', valueString: null }],
    ['a number', { name: '_type', valueInteger: 1 }],
    ['a string that is a number', { name: '_type', valueString: 1 }],
    ['a boolean that is a string', { name: 'allowPartialManifests', valueBoolean: 'true' }],
    ['a name of Object', { name: '_type', valueOf: 'x' }],
    ['a Coding without a code', { name: 'exportType', valueCoding: { system: 'x' } }],
    ['an empty Reference', { name: 'patient', valueReference: {} }],
    ['a Reference of a string', { name: 'patient', valueReference: 'Patient/1' }],
    ['a string for a Reference', { name: 'patient', valueString: 'Patient/1' }],
    ['a Reference for a string', { name: '_type', valueReference: { reference: 'Patient/1' } }],
  ])('E6: refuses %s', (_, parameter) => {
    expect(refused({ resourceType: 'Parameters', parameter: [parameter] })).toBe('invalid-request');
  });
});
