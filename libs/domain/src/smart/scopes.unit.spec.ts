import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  allows,
  grantScopes,
  MATCH_SCOPES,
  parseScope,
  parseScopes,
  readGranted,
  registrable,
  type GrantedScopes,
} from './scopes.ts';

describe('parseScope', () => {
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
      'no restricted scope, for it is not evaluated',
      'system/Observation.rs?category=lab',
      'system/*.rs system/Observation.rs?category=lab',
      '',
    ],
    ['nothing wider than a restricted registration', 'system/Observation.rs', 'system/Observation.rs?category=lab', ''],
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
    'r?c=d|e',
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
    ['system/Observation.rs?category=laboratory', ''],
    ['launch openid', ''],
    ['', ''],
  ])('%s is %j', (list, registered) => {
    expect(registrable(list)).toBe(registered);
  });
});
