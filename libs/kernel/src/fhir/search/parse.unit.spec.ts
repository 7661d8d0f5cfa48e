import { describe, expect, it } from 'vitest';

import { SERVED_TYPES } from '../types.ts';
import { SEARCH_PARAMETERS } from './parameters.ts';
import { parseSearch } from './parse.ts';
import { matchesToken, parseToken, splitOr } from './values.ts';

const filtersOf = (type: string): Set<string> =>
  new Set(
    (Object.hasOwn(SEARCH_PARAMETERS, type) ? SEARCH_PARAMETERS[type]! : [])
      .filter(({ role }) => role === 'filter')
      .map(({ name }) => name),
  );
const search = (type: string, query: string) => parseSearch(type, new URLSearchParams(query), filtersOf(type));

describe('parseSearch', () => {
  it('reads the parameters of the table', () => {
    const { dates, ...query } = (
      search(
        'Observation',
        '_id=a,b&patient=Patient/m1&_lastUpdated=ge2024-01-01&_lastUpdated=lt2025' +
          '&_count=50&_format=application/fhir%2Bjson',
      ) as { query: { dates: Record<string, unknown> } }
    ).query;
    expect(query).toEqual({ type: 'Observation', ids: ['a', 'b'], patients: ['m1'], count: 50 });
    expect(Object.keys(dates)).toEqual(['_lastUpdated']);
    expect(dates['_lastUpdated']).toEqual([
      { prefix: 'ge', range: { start: Date.UTC(2024, 0, 1), end: Date.UTC(2024, 0, 2) } },
      { prefix: 'lt', range: { start: Date.UTC(2025, 0, 1), end: Date.UTC(2026, 0, 1) } },
    ]);
  });

  it('fails for a filter that the caller does not apply, even if the search does not use it', () => {
    const applied = new Set(['_id', 'patient']);
    const parse = () => parseSearch('Observation', new URLSearchParams('patient=m1'), applied);
    expect(parse).toThrow('Observation has the search parameter _lastUpdated, which is not applied');
  });

  it.each([
    ['patient=m1', ['m1']],
    ['patient=Patient/m1', ['m1']],
    ['patient:Patient=m1', ['m1']],
    ['patient=m1,m2', ['m1', 'm2']],
    ['patient=m1,m2&patient=m2', ['m2']],
    ['patient=m1&patient=m2', []],
  ])('%s', (query, patients) => {
    expect(search('Condition', query)).toEqual({ ok: true, query: { type: 'Condition', patients } });
  });

  it.each([
    [
      'Observation',
      'colour=red',
      'unknown search parameter colour; Observation has: _id, patient, _lastUpdated, _count, _format',
    ],
    [
      'Organization',
      'patient=m1',
      'unknown search parameter patient; Organization has: _id, _lastUpdated, _count, _format',
    ],
    [
      'Observation',
      '%3Cscript%3E=1',
      'unknown search parameter (unprintable); Observation has: _id, patient, _lastUpdated, _count, _format',
    ],
    ['Observation', 'patient=Group/g', 'patient must be an id or Patient/id'],
    ['Observation', 'patient=', 'patient must not be empty'],
    ['Observation', 'patient:missing=true', 'patient: the modifier is not supported'],
    ['Observation', '_id=a%20b', '_id must be an id or a comma list of ids'],
    [
      'Observation',
      '_lastUpdated=yesterday',
      '_lastUpdated must be a date or dateTime with an optional prefix (eq ne gt ge lt le)',
    ],
    [
      'Observation',
      '_lastUpdated=sa2024',
      '_lastUpdated must be a date or dateTime with an optional prefix (eq ne gt ge lt le)',
    ],
    ['Observation', '_count=-1', '_count must be a whole number'],
    ['Observation', '_count=1&_count=2', '_count must be given only once'],
    ['Observation', '_format=xml', '_format only JSON is served'],
    ['Group', '_summary=count', '_summary must be true or false'],
    ['Group', 'identifier=|', 'identifier must be code, system|code, |code or system|'],
    ['Claim', '_id=a', 'search on this type is not supported'],
    ['constructor', '_id=a', 'search on this type is not supported'],
  ])('%s?%s is refused by name', (type, query, text) => {
    expect(search(type, query)).toMatchObject({ ok: false, issue: { severity: 'error', details: { text } } });
  });

  it('reads the tokens of a Group search: all of the repeats, any of a list', () => {
    expect(
      search('Group', 'identifier=http://hl7.org/fhir/sid/us-npi|1234567893,x&code=pdexprovidergroup&_summary=true'),
    ).toEqual({
      ok: true,
      query: {
        type: 'Group',
        summary: true,
        tokens: {
          identifier: [[{ system: 'http://hl7.org/fhir/sid/us-npi', code: '1234567893' }, { code: 'x' }]],
          code: [[{ code: 'pdexprovidergroup' }]],
        },
      },
    });
  });

  it('knows every served type', () => {
    for (const type of SERVED_TYPES) expect(SEARCH_PARAMETERS[type]?.map(({ name }) => name)).toContain('_id');
  });
});

describe('tokens', () => {
  it.each([
    ['code', { code: 'code' }],
    ['s|c', { system: 's', code: 'c' }],
    ['|c', { system: null, code: 'c' }],
    ['s|', { system: 's' }],
    ['a\\|b', { code: 'a|b' }],
    ['|', undefined],
    ['', undefined],
  ])('%j', (text, expected) => {
    expect(parseToken(text)).toEqual(expected);
  });

  it('match system and code', () => {
    expect(matchesToken({ code: 'c' }, 's', 'c')).toBe(true);
    expect(matchesToken({ system: null, code: 'c' }, 's', 'c')).toBe(false);
    expect(matchesToken({ system: null, code: 'c' }, undefined, 'c')).toBe(true);
    expect(matchesToken({ system: 's' }, 's', 'anything')).toBe(true);
    expect(matchesToken({ system: 's', code: 'c' }, 't', 'c')).toBe(false);
    expect(matchesToken({ code: 'C' }, 's', 'c')).toBe(false);
  });

  it('split at commas that are not escaped', () => {
    expect(splitOr('a,b\\,c,')).toEqual(['a', 'b\\,c', '']);
  });
});
