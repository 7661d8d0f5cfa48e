import { describe, expect, it } from 'vitest';

import { matches } from '../../test/search/values.ts';
import { parseQuery, type SearchQuery } from './query.ts';

const base = 'https://payer.example/fhir';
const parse = (type: string, query: string, lenient = false) =>
  parseQuery(type, new URLSearchParams(query), { base, lenient });
function query(type: string, text: string, lenient = false): SearchQuery {
  const parsed = parse(type, text, lenient);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issue));
  return parsed.query;
}

describe('parseQuery', () => {
  it('reads a repeated parameter as AND and a comma list as OR', () => {
    const { filters } = query('Observation', 'code=http://loinc.org|1-8,2-9&date=ge2020&date=lt2021');
    expect(filters.map(({ parameter, any }) => [parameter.name, any.length])).toEqual([
      ['code', 2],
      ['date', 1],
      ['date', 1],
    ]);
  });

  it.each([
    ['m1', ['m1']],
    ['Patient/m1', ['m1']],
    [`${base}/Patient/m1,m2`, ['m1', 'm2']],
    ['https://other.example/fhir/Patient/m1', []],
  ])('reads patient=%s as the members %j', (value, members) => {
    expect(query('Observation', `patient=${value}`).patients).toEqual(members);
  });

  it('keeps the members that each patient parameter names', () => {
    expect(query('Observation', 'patient=a,b&patient:Patient=b,c').patients).toEqual(['b']);
  });

  it('reads the identifier of the member as a chain', () => {
    const text = 'patient.identifier=urn:mbi|1S0&patient:Patient.identifier=2';
    expect(query('Coverage', text).patientFilters.map(({ parameter, any }) => [parameter.name, any])).toEqual([
      ['identifier', [{ kind: 'token', system: 'urn:mbi', code: '1S0', folded: '1s0' }]],
      ['identifier', [{ kind: 'token', code: '2', folded: '2' }]],
    ]);
  });

  it('reads the chains that a guide names', () => {
    const text = 'practitioner.name=Who,Smith&practitioner:Practitioner.identifier=urn:npi|1';
    expect(
      query('PractitionerRole', text).chains.map(({ parameter, type, filter }) => [
        parameter.name,
        type,
        filter.parameter.name,
        filter.any.length,
      ]),
    ).toEqual([
      ['practitioner', 'Practitioner', 'name', 2],
      ['practitioner', 'Practitioner', 'identifier', 1],
    ]);
    expect(query('PractitionerRole', 'practitioner=p1').chains).toEqual([]);
  });

  it('reads what shapes the answer', () => {
    expect(
      query(
        'MedicationRequest',
        '_include=MedicationRequest:medication&_revinclude=Provenance:target&_sort=-authoredon,_id&_count=20' +
          '&_total=accurate&_summary=data&_elements=status,medication',
      ),
    ).toMatchObject({
      include: [{ type: 'MedicationRequest', parameter: 'medication', iterate: false }],
      revinclude: ['Provenance:target'],
      sort: [
        { by: 'authoredon', descending: true },
        { by: '_id', descending: false },
      ],
      count: 20,
      total: 'accurate',
      summary: 'data',
      elements: ['status', 'medication'],
    });
  });

  it.each([
    ['Observation', 'performer=1', 'unknown search parameter performer; Observation has: _id, _lastUpdated'],
    ['Observation', 'patient.name=x', 'patient does not have this chain; Observation has: patient.identifier'],
    ...['practitioner.gender=x', 'practitioner:identifier.name=x', 'practitioner:missing.name=x'].map((text) => [
      'PractitionerRole',
      text,
      'practitioner does not have this chain; PractitionerRole has: practitioner.identifier, practitioner.name',
    ]),
    ['Observation', '_sort=code', '_sort does not have this value; Observation has: _id, _lastUpdated, date'],
    [
      'MedicationRequest',
      '_include=MedicationRequest:subject',
      '_include does not have this value; MedicationRequest has: MedicationRequest:medication, MedicationRequest:*',
    ],
    ...['CareTeam:*:Patient', 'CareTeam:participant:Group', 'Patient:*'].map((value) => [
      'CareTeam',
      `_include=${value}`,
      '_include does not have this value; CareTeam has: CareTeam:participant, CareTeam:participant:PractitionerRole, ' +
        'CareTeam:participant:Practitioner, CareTeam:participant:Patient, CareTeam:participant:RelatedPerson, ' +
        'CareTeam:*',
    ]),
    ['MedicationRequest', '_include:iterate=*', '_include does not have this value; MedicationRequest has:'],
    ['Observation', '_include=*', '_include does not have this value; Observation has: none'],
    ['Observation', '_include=Observation:subject', '_include does not have this value; Observation has: none'],
    ['Medication', '_revinclude=Provenance:target', '_revinclude does not have this value; Medication has: none'],
    ['Observation', '_elements=code,colour', '_elements: colour is no element of Observation'],
  ])('%s?%s is refused by name, and left out and reported when lenient', (type, text, message) => {
    const strict = parse(type, text);
    expect(strict.ok ? '' : strict.issue.details?.text).toContain(message);
    expect(query(type, text, true).ignored.map(({ severity, details }) => [severity, details?.text])).toEqual([
      ['warning', strict.ok ? '' : strict.issue.details?.text],
    ]);
  });

  it.each([
    ['Observation', 'code:in=http://x', 'code does not have this modifier; it has: missing, not, text'],
    ['Observation', 'date=yesterday', 'date must be a date or dateTime with an optional prefix'],
    ['Observation', 'code=a,,b', 'code must not be empty'],
    ['Observation', 'code=a%00b', 'code must not contain control characters'],
    ['Observation', 'code=|', 'code must be code, system|code, |code or system|'],
    ['Observation', 'code:missing=yes', 'code with :missing must be true or false'],
    ['Observation', 'patient=Group/1', 'patient must be an id, Patient/id or the URL of a Patient'],
    ['Observation', '_id=a/b', '_id must be an id or a comma list of ids'],
    ['Observation', '_lastUpdated=2020-13', '_lastUpdated must be a date or dateTime with an optional prefix'],
    ['Observation', 'value-quantity=5.4|mg', 'value-quantity must be a number'],
    ['Encounter', 'location=Location/1/_history/2', 'location must not name a version'],
    ['Encounter', 'location:Location=Group/2', 'location must refer to a Location, as its modifier says'],
    ['Patient', 'name=%20', 'name must contain a letter or digit'],
    ['Patient', '_count=many', '_count must be a whole number'],
    ['Patient', '_count=1&_count=2', '_count must be given only once'],
    ['Patient', `identifier=${'1,'.repeat(1000)}1`, 'a search has at most 1000 values'],
  ])('%s?%s is an error in a strict and in a lenient search', (type, text, message) => {
    for (const lenient of [false, true]) {
      const parsed = parse(type, text, lenient);
      expect(parsed.ok ? 'ok' : parsed.issue.details?.text).toContain(message);
    }
  });

  // J2. Client libraries and forms send them.
  it.each([
    ['Patient', 'given=', 'given is ignored, because it is empty'],
    ['Patient', 'given:exact=', 'given is ignored, because it is empty'],
    ['Patient', '_id=', '_id is ignored, because it is empty'],
    ['Observation', 'patient=', 'patient is ignored, because it is empty'],
    ['Observation', 'patient.identifier=', 'patient is ignored, because it is empty'],
    ['Observation', '_lastUpdated=', '_lastUpdated is ignored, because it is empty'],
    ...['_sort', '_count', '_total', '_summary', '_elements', '_include', '_revinclude'].map((name) => [
      'Observation',
      `${name}=`,
      `${name} is ignored, because it is empty`,
    ]),
    ['Observation', '_totalMethod=count', '_totalMethod is ignored; use _total'],
  ])('%s?%s says nothing, so every search leaves it out and reports it', (type, text, message) => {
    for (const lenient of [false, true]) {
      const found = query(type, `_profile=http://x&${text}`, lenient);
      expect(found.ignored.map(({ severity, details }) => [severity, details?.text])).toEqual([['warning', message]]);
      expect(found).toEqual({ ...query(type, '_profile=http://x', lenient), ignored: found.ignored });
    }
  });

  it('takes resourceType in _elements, which is always there, and reports it', () => {
    const { elements, ignored, used } = query('Patient', '_elements=id,resourceType,name');
    expect(elements).toEqual(['id', 'name']);
    expect(used).toEqual([['_elements', 'id,resourceType,name']]);
    expect(ignored.map(({ severity, expression }) => [severity, expression])).toEqual([['warning', ['_elements']]]);
    expect(query('Patient', '_elements=resourceType').elements).toEqual([]);
  });

  it.each(['bogus=', 'given:bogus=', 'practitioner.bogus='])('refuses %s: what it names does not exist', (text) => {
    expect(parse('Patient', text).ok).toBe(false);
  });

  // J5
  it('finds a reference to any type by a bare id, and by the id with the type as modifier', () => {
    const provenance = (target: string) => ({ resourceType: 'Provenance', target: [{ reference: target }] });
    for (const type of ['Condition', 'Claim', 'ClaimResponse', 'Account']) {
      for (const text of ['target=x', `target=${type}/x`, `target:${type}=x`, `target:${type}=${type}/x`])
        expect([
          text,
          ...[`${type}/x`, `${type}/y`, 'Goal/x'].map((to) =>
            matches(query('Provenance', text).filters[0]!, provenance(to)),
          ),
        ]).toEqual([text, true, false, text === 'target=x']);
    }
    expect(parse('Provenance', 'target:Nothing=x')).toMatchObject({
      issue: { details: { text: 'target does not have this modifier; it has: missing, identifier, Type' } },
    });
  });

  /** PDex: "_include:* SHALL be supported" of an ExplanationOfBenefit. */
  it('reads * as all includes of the type', () => {
    for (const type of ['ExplanationOfBenefit', 'MedicationRequest', 'CareTeam'])
      expect(query(type, '_include=*').include).toEqual(query(type, `_include=${type}:*`).include);
  });

  it('repeats no text of a client that does not look like a name', () => {
    for (const text of ['%3Cscript%3E=1', '_elements=name,%3Cscript%3E']) {
      const parsed = parse('Patient', text);
      expect(parsed.ok ? '' : parsed.issue.details?.text).toContain('(unprintable)');
    }
  });

  it('has no searches for a type that is not served', () => {
    expect(parse('Account', '_id=1').ok).toBe(false);
    expect(parse('constructor', '_id=1').ok).toBe(false);
  });
});
