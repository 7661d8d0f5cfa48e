import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  allows,
  grantScopes,
  MATCH_SCOPES,
  parseScope,
  parseScopes,
  reaches,
  readGranted,
  registrable,
  restrictionsOf,
  scopeFaults,
  type GrantedScopes,
} from './scopes.ts';

describe('R3: parseScope', () => {
  it.each([
    ['system/Patient.rs', 2, 'Patient', 'rs'],
    ['system/*.cruds', 2, '*', 'cruds'],
    ['system/Group.r', 2, 'Group', 'r'],
    ['system/*.read', 1, '*', 'rs'],
    ['system/Patient.write', 1, 'Patient', 'cud'],
    ['system/Patient.*', 1, 'Patient', 'cruds'],
  ])('reads %s', (text, version, type, interactions) => {
    expect(parseScope(text)).toEqual({ kind: 'resource', version, type, interactions });
  });
  it.each([
    'system/Patient.dus',
    'system/Patient.sr',
    'system/Patient.rr',
    'system/Patient.',
    'system/Patient',
    'system/patient.rs',
    'user/Patient.rs',
    'patient/*.read',
    'openid',
    'system/*.x',
    'system/Patient.read?category=x',
    'system/Patient.rs?',
    'SYSTEM/Patient.rs',
    'system/Pat1ent.rs',
    'system/Patient.toString',
    '',
  ])('drops %j', (text) => {
    expect(parseScope(text)).toBeUndefined();
  });
  it('keeps the restriction of a scope', () => {
    expect(parseScope('system/Observation.rs?category=http://x|laboratory')).toMatchObject({
      type: 'Observation',
      params: 'category=http://x|laboratory',
    });
  });
});

describe('grantScopes', () => {
  it.each([
    ['the asked part of a wildcard', 'system/Patient.rs', 'system/*.rs', 'system/Patient.rs'],
    [
      'the registered part of an asked wildcard',
      'system/*.rs',
      'system/Patient.rs system/Group.r',
      'system/Patient.rs system/Group.r',
    ],
    ['v1 when asked in v1', 'system/*.read system/Patient.read', 'system/*.rs', 'system/*.read system/Patient.read'],
    ['v2 against a v1 registration', 'system/Patient.rs', 'system/*.read', 'system/Patient.rs'],
    ['v2 where v1 cannot say it', 'system/Patient.read', 'system/Patient.r', 'system/Patient.r'],
    [
      'reading alone of everything',
      'system/Patient.cruds system/Group.*',
      'system/*.cruds',
      'system/Patient.rs system/Group.read',
    ],
    ['nothing to write', 'system/Patient.write system/Patient.cud', 'system/*.cruds', ''],
    ['nothing that is not registered', 'system/Claim.rs', 'system/Patient.rs', ''],
    [
      'the good ones beside malformed ones',
      'system/Patient.dus launch system/Group.rs',
      'system/*.rs',
      'system/Group.rs',
    ],
    [
      'P52: a part that the search table knows',
      'system/Observation.rs?category=lab',
      'system/*.rs',
      'system/Observation.rs?category=lab',
    ],
    [
      'P52: the registered part of an asked type, and of an asked wildcard',
      'system/Observation.read system/*.r',
      'system/Observation.rs?category=lab',
      'system/Observation.rs?category=lab system/Observation.r?category=lab',
    ],
    [
      'P52: the narrower one of two parts',
      'system/Observation.rs?category=lab&code=x system/Condition.r?category=a',
      'system/Observation.r?category=lab system/Condition.rs?code=y&category=a',
      'system/Observation.r?category=lab&code=x system/Condition.r?code=y&category=a',
    ],
    ['P52: no part of another part', 'system/Observation.rs?category=lab', 'system/Observation.rs?category=vital', ''],
    [
      'P52: no part that the search table does not know, beside others',
      'system/Observation.rs?nonsense=1 system/*.rs?_id=1 system/Group.rs?code=x system/Patient.rs',
      'system/*.rs',
      'system/Patient.rs',
    ],
    [
      'the string of PDex as what it means',
      'system.Group.u?code=http://hl7.org/fhir/us/davinci-pdex/ValueSet/PDexMultiMemberMatchResultVS|pdexprovidergroup',
      'system/*.rs',
      'system/Group.rs',
    ],
    ['either spelling of the match operation', MATCH_SCOPES[1], MATCH_SCOPES[0], MATCH_SCOPES[1]],
    ['no operation that is not registered', MATCH_SCOPES[0], 'system/*.cruds', ''],
    ['nothing for nothing', '', 'system/*.rs', ''],
  ])('grants %s', (_name, asked, registered, granted) => {
    expect(grantScopes(asked, registered)).toBe(granted);
  });
  it('grants no type that is not served', () => {
    expect(grantScopes('system/Nonsense.rs system/Patient.rs system/*.rs', 'system/*.rs', new Set(['Patient']))).toBe(
      'system/Patient.rs system/*.rs',
    );
  });

  const type = fc.constantFrom('*', 'Patient', 'Group', 'Coverage');
  const suffix = fc.constantFrom(
    'read',
    'write',
    '*',
    'r',
    's',
    'rs',
    'cruds',
    'cud',
    'sr',
    'xyz',
    'rs?a=b',
    'r?_profile=http://p.example/d|e',
    'rs?_profile=http://p.example/d|e',
  );
  const list = fc
    .array(
      fc.oneof(
        fc.tuple(type, suffix).map(([t, s]) => `system/${t}.${s}`),
        fc.string({ maxLength: 12 }),
        fc.constantFrom(...MATCH_SCOPES),
      ),
      { maxLength: 6 },
    )
    .map((l) => l.join(' '));
  it('never grants more than was asked or registered, and grants the same again', () => {
    fc.assert(
      fc.property(list, list, (asked, registered) => {
        const granted = grantScopes(asked, registered);
        // A grant may have redundant scopes, such as `system/Patient.r` beside `system/*.r`, but must not permit more
        // or less.
        const [g, a, r, again] = [granted, asked, registered, grantScopes(granted, registered)].map(readGranted) as [
          GrantedScopes,
          GrantedScopes,
          GrantedScopes,
          GrantedScopes,
        ];
        for (const t of ['Patient', 'Group', 'Coverage', 'Other']) {
          for (const i of ['r', 's'] as const)
            expect([allows(g, t, i), allows(again, t, i)]).toEqual(Array(2).fill(allows(a, t, i) && allows(r, t, i)));
        }
        // A part of a type is within what was asked for and what was registered: the whole type, or an equal part.
        for (const t of ['Patient', 'Group', 'Coverage', 'Other'])
          for (const i of ['r', 's'] as const) {
            const parts = restrictionsOf(g, t, i) ?? [];
            for (const { text } of parts)
              for (const of of [a, r])
                expect(restrictionsOf(of, t, i)?.every((one) => one.text === text) ?? true).toBe(true);
            if (reaches(g, t, i)) expect([reaches(a, t, i), reaches(r, t, i)]).toEqual([true, true]);
          }
        expect([g.match, again.match]).toEqual(Array(2).fill(a.match && r.match));
        for (const scope of parseScopes(granted))
          if (scope.kind === 'resource') expect(['r', 's', 'rs']).toContain(scope.interactions);
      }),
      { examples: [['system/*.read', 'system/*.r system/Patient.read']] },
    );
  });
});

describe('registrable', () => {
  it.each([
    ['system/*.rs', 'system/*.rs'],
    ['system/*.read', 'system/*.read'],
    ['system/*.cruds', 'system/*.rs'],
    ['system/Group.rs system/Patient.r', 'system/Group.rs system/Patient.r'],
    [MATCH_SCOPES[0], MATCH_SCOPES[0]],
    ['system/Patent.rs', ''],
    ['system/Patient.cud', ''],
    ['patient/*.rs', ''],
    ['system/Observation.rs?category=laboratory', 'system/Observation.rs?category=laboratory'],
    ['system/Observation.cruds?category=laboratory', 'system/Observation.rs?category=laboratory'],
    ['system/Observation.rs?nonsense=laboratory', ''],
    ['launch openid', ''],
    ['', ''],
  ])('%s is %j', (list, registered) => {
    expect(registrable(list)).toBe(registered);
  });
});

describe('scopes on a part of a type', () => {
  it.each([
    ['a parameter that the table does not know', 'system/Observation.rs?nonsense=1', 'nonsense'],
    ['a parameter of another type', 'system/Condition.rs?vaccine-code=1', 'vaccine-code'],
    ['a modifier that the parameter does not have', 'system/Observation.rs?date:not=2024', 'date'],
    ['a value that is none', 'system/Observation.rs?date=yesterday', 'date'],
    ['no value', 'system/Observation.rs?category=', 'category'],
    ['no name', 'system/Observation.rs?=laboratory', 'Observation'],
    ['a chain', 'system/Observation.rs?patient.identifier=1', 'patient.identifier'],
    ['_has', 'system/Observation.rs?_has:Provenance:target:agent=1', '_has'],
    ['a parameter of the answer', 'system/Observation.rs?_count=1', '_count'],
    ['the patient', 'system/Observation.rs?patient=m1', 'patient'],
    ['an id', 'system/Observation.rs?_id=o1', '_id'],
    ['a time of ours', 'system/Observation.rs?_lastUpdated=gt2024', '_lastUpdated'],
    ['the name of a person', 'system/Patient.rs?family=Garcia', 'family'],
    ['the birthday of a person', 'system/Patient.rs?birthdate=1970-01-01', 'birthdate'],
    ['the identifier of a person', 'system/Patient.rs?identifier=1', 'identifier'],
    ['a reference that may name a person', 'system/Provenance.rs?target=Patient/m1', 'target'],
    ['every type', 'system/*.rs?category=x', '*'],
    ['Groups, which no search of records finds', 'system/Group.rs?code=x', 'Group'],
    ['Consents', 'system/Consent.rs?status=active', 'Consent'],
    ['a type that is not served', 'system/Appointment.rs?status=booked', 'Appointment'],
    ['half of an encoded character', 'system/Observation.rs?category=%E0%A4', 'Observation'],
  ])('P52: refuses %s by its name, and repeats no value', (_name, scope, name) => {
    const { refused, tooMuch } = scopeFaults(`system/Coverage.rs ${scope}`);
    expect([tooMuch, refused]).toEqual([undefined, [expect.stringContaining(name)]]);
    const value = scope.split('=').at(-1)!;
    if (value.length > 3) expect(refused[0]).not.toContain(value);
    expect(grantScopes(scope, 'system/*.rs')).toBe('');
    const granted = readGranted(scope);
    for (const type of ['Observation', 'Patient', 'Group', 'Condition'])
      expect([type, reaches(granted, type, 'r')]).toEqual([type, false]);
  });

  it.each([
    'system/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory',
    'system/Observation.rs?category=http%3A%2F%2Fterminology.hl7.org%2FCodeSystem%2Fobservation-category%7Claboratory',
    'system/Observation.r?category=laboratory,vital-signs&date=ge2024-01-01',
    'system/Observation.s?status=final',
    'system/Patient.rs?gender=female',
    'system/Practitioner.rs?name=Smith',
    'system/Condition.rs?category:missing=false',
  ])('P52: grants %s as it was asked for', (scope) => {
    expect(scopeFaults(scope)).toEqual({ refused: [] });
    expect(grantScopes(scope, 'system/*.rs')).toBe(scope);
  });

  it.each([
    ['a list of 10 MB', `system/Observation.rs?category=${'x'.repeat(10_000_000)}`],
    ['a part of more than 500 characters', `system/Observation.rs?category=${'x'.repeat(500)}`],
    ['six parameters', `system/Observation.rs?${Array.from({ length: 6 }, (_, i) => `code=${i}`).join('&')}`],
    ['21 values', `system/Observation.rs?code=${Array.from({ length: 21 }, (_, i) => i).join(',')}`],
    ['21 parts', Array.from({ length: 21 }, (_, i) => `system/Observation.rs?code=${i}`).join(' ')],
  ])('P54: refuses %s as a whole', (_name, list) => {
    expect(scopeFaults(`system/Patient.rs ${list}`).tooMuch).toMatch(/more than|longer than/);
  });

  it('P53: several parts of a type are alternatives, and the whole type wins', () => {
    const parts = readGranted('system/Observation.rs?category=a system/Observation.r?category=b system/Patient.rs');
    const texts = (type: string, interaction: 'r' | 's') =>
      restrictionsOf(parts, type, interaction)?.map(({ text }) => text);
    expect(texts('Observation', 'r')).toEqual(['category=a', 'category=b']);
    expect(texts('Observation', 's')).toEqual(['category=a']);
    expect(texts('Patient', 'r')).toBeUndefined();
    expect(texts('Coverage', 'r')).toEqual([]);
    // What asks for a whole type, such as an earlier build, gets nothing by a part.
    expect([allows(parts, 'Observation', 'r'), reaches(parts, 'Observation', 'r')]).toEqual([false, true]);
    const whole = readGranted('system/Observation.rs?category=a system/*.r');
    expect(restrictionsOf(whole, 'Observation', 'r')).toBeUndefined();
  });
});
