import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Demographics } from './bundle.ts';
import { describedBy, describedIn } from './described.ts';
import { type Candidate, findMember, type Found, STEPS } from './find.ts';

const ASKED: Demographics = {
  memberIds: [{ value: 'id' }],
  birthDate: '1980-03-04',
  family: 'Smith',
  given: ['Robert'],
  gender: 'male',
  zip: '01103',
};
const PATIENT = {
  resourceType: 'Patient',
  name: [{ family: 'Smith', given: ['Robert'] }] as object[],
  birthDate: '1980-03-04',
  gender: 'male',
  address: [{ postalCode: '01103-1234' }],
};
const member = (name: string, id: Candidate['id'], over: object = {}): Candidate => ({
  member: name,
  id,
  described: describedIn({ ...PATIENT, ...over }),
});
const find = (over: Partial<Demographics>, ...candidates: readonly Candidate[]): Found =>
  findMember(describedBy({ ...ASKED, ...over }), candidates);
const m1 = { member: 'm1' };

describe('step 1: an id that this payer gave (M40)', () => {
  const own = member('m1', 'own');
  it.each<[string, Partial<Demographics>, Found]>([
    ['the first name instead of the gender', { gender: 'female' }, m1],
    ['the gender instead of the first name', { given: ['Bob'] }, m1],
    ['neither', { given: ['Bob'], gender: 'female' }, { miss: 'id-of-another' }],
    ['no ZIP', { zip: '99999' }, m1],
    ['another birth date', { birthDate: '1980-04-03' }, { miss: 'id-of-another' }],
    ['a birth date without a day', { birthDate: '1980-03' }, { miss: 'id-of-another' }],
    ['another family name', { family: 'Smyth' }, { miss: 'id-of-another' }],
    ['an unknown gender', { given: ['Bob'], gender: 'unknown' }, { miss: 'id-of-another' }],
  ])('%s', (_, over, found) => expect(find(over, own)).toEqual(found));

  it('takes no second step if the id is of another member (M40)', () => {
    const other = member('m2', 'own', { name: [{ family: 'Jones', given: ['Ann'] }], birthDate: '1990-01-01' });
    expect(find({}, other, member('m1', 'none'))).toEqual({ miss: 'id-of-another' });
  });
  it('takes no second step if the member with the id has no Patient', () =>
    expect(find({}, { member: 'm2', id: 'own' }, member('m1', 'none'))).toEqual({ miss: 'id-of-another' }));
  it('knows nobody without a complete birth date in the Patient', () =>
    expect(find({ birthDate: '1980-03' }, member('m1', 'own', { birthDate: '1980-03' }))).toEqual({
      miss: 'id-of-another',
    }));
});

describe('former names and several addresses (M42)', () => {
  const married = {
    name: [
      { use: 'official', family: 'Jones', given: ['Ann', 'M'], suffix: ['III'] },
      { use: 'maiden', family: 'O’Brien' },
      { use: 'old', family: 'Núñez', given: ['Ann'], period: { end: '2011-05-01' } },
      { use: 'anonymous', family: 'Doe', given: ['Jane'] },
      { use: 'nickname', given: ['Annie'] },
    ],
    address: [{ postalCode: '02139' }, { use: 'old', postalCode: '011031234', period: { end: '2020-01-01' } }],
    gender: 'female',
  };
  const ask = { given: ['Ann'], gender: 'female' };
  it.each<[string, Partial<Demographics>]>([
    ['the name now', { ...ask, family: 'JONES' }],
    ['the maiden name', { ...ask, family: "O'Brien" }],
    ['a former name', { ...ask, family: 'Nunez' }],
  ])('%s', (_, over) => {
    expect(find(over, member('m1', 'own', married))).toEqual(m1);
    expect(find(over, member('m1', 'none', married))).toEqual(m1);
  });
  it('ignores an anonymous name', () =>
    expect(find({ ...ask, family: 'Doe', given: ['Jane'] }, member('m1', 'own', married))).toEqual({
      miss: 'id-of-another',
    }));
  it('has no table of nicknames, and takes none from the Patient (M42)', () =>
    expect(find({ ...ask, family: 'Jones', given: ['Annie'] }, member('m1', 'none', married))).toEqual({
      miss: 'differs',
    }));
});

describe('step 2: no id that this payer gave (M41)', () => {
  it('finds the only member with all five elements', () => expect(find({}, member('m1', 'none'))).toEqual(m1));
  it.each<[string, Partial<Demographics>]>([
    ['first name', { given: ['Bob'] }],
    ['gender', { gender: 'female' }],
    ['no gender', { gender: undefined as never }],
    ['ZIP', { zip: '01104' }],
    ['no ZIP', { zip: undefined as never }],
    ['birth date', { birthDate: '1980-03-05' }],
    ['family name', { family: 'Smithe' }],
  ])('finds nobody if one differs: %s', (_, over) =>
    expect(find(over, member('m1', 'none'))).toEqual({ miss: 'differs' }),
  );
  it('finds nobody if the Patient lacks an element', () =>
    expect(find({}, member('m1', 'none', { address: undefined }))).toEqual({ miss: 'differs' }));
  it('finds nobody among nobody', () => expect(find({})).toEqual({ miss: 'nobody' }));
  it('takes the sex at birth for an absent gender', () => {
    const url = 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex';
    const over = { gender: undefined, extension: [{ url, valueCode: 'M' }] };
    expect(find({}, member('m1', 'none', over))).toEqual(m1);
  });
});

describe('several candidates are none (M32)', () => {
  it('two members with one id and one name', () =>
    expect(find({}, member('m1', 'shared'), member('m2', 'shared'))).toEqual({ miss: 'several' }));
  it('two members with one name, ZIP and gender', () =>
    expect(find({}, member('m1', 'none'), member('m2', 'none'))).toEqual({ miss: 'several' }));
  it('two members of one gender and birth date, and neither has the first name', () => {
    const named = (name: string, given: string): Candidate =>
      member(name, 'shared', { name: [{ family: 'Smith', given: [given] }] });
    expect(find({ given: ['Bob'] }, named('m1', 'Robert'), named('m2', 'Roland'))).toEqual({ miss: 'several' });
  });
});

describe('twins and newborns (ADR 0123)', () => {
  const child = (name: string, id: Candidate['id'], ...given: string[]): Candidate =>
    member(name, id, { name: [{ family: 'Smith', given }] });
  it('finds a twin by the id of the family and the first name', () =>
    expect(find({ given: ['Noah'] }, child('m1', 'shared', 'Noah'), child('m2', 'shared', 'Liam'))).toEqual(m1));
  it('finds nobody by the card of the other twin', () =>
    expect(find({ given: ['Noah'] }, child('m1', 'none', 'Noah'), child('m2', 'own', 'Liam'))).toEqual({
      miss: 'id-of-another',
    }));
  it('tells twins by their second names', () =>
    expect(
      find({ given: ['Maria', 'Luisa'] }, child('m1', 'own', 'Maria', 'Luisa'), child('m2', 'none', 'Maria', 'Elena')),
    ).toEqual(m1));
  it('finds a newborn without a name by an id of its own', () => {
    expect(find({ given: ['Baby Boy'] }, child('m1', 'own', 'Liam'))).toEqual(m1);
    expect(find({ given: ['Liam'] }, child('m1', 'own', 'Baby', 'Boy'))).toEqual(m1);
  });
  it.each<[string, readonly string[], readonly string[]]>([
    ['in the request', ['Baby Boy'], ['Liam']],
    ['in the Patient', ['Liam'], ['BabyBoy']],
    ['in both', ['Baby Boy'], ['Baby Boy']],
  ])('finds no newborn without a name by the id of the family: %s', (_, asked, stored) =>
    expect(find({ given: asked }, child('m1', 'shared', ...stored))).toEqual({ miss: 'id-of-another' }),
  );
  it('finds no newborn without a name by demographics', () =>
    expect(find({ given: ['Baby Boy'] }, child('m1', 'none', 'Baby Boy'))).toEqual({ miss: 'differs' }));
});

describe('hostile descriptions', () => {
  it.each([
    [{ name: 'Smith' }],
    [{ name: [null, 3, { family: 3, given: 'x' }, { family: ['Smith'], given: [3] }] }],
    [{ address: { postalCode: '01103' } }],
    [{ birthDate: 19_800_304 }],
    [{ gender: { $ne: null } }],
    [JSON.parse('{"name":[{"__proto__":{"family":"Smith"}}]}') as object],
  ])('reads %j without an error, and finds nobody', (over) =>
    expect(find({}, member('m1', 'none', over))).toEqual({ miss: 'differs' }),
  );
  it('takes a date that does not exist for none', () =>
    expect(find({ birthDate: '1980-02-30' }, member('m1', 'own', { birthDate: '1980-02-30' }))).toEqual({
      miss: 'id-of-another',
    }));
});

it('has the steps of docs/matching.md (M43)', () => {
  const page = readFileSync(new URL('../../../../../docs/matching.md', import.meta.url), 'utf8');
  const rows = page.split('\n').flatMap((line) => {
    const [, step, , agree, except] = line.split('|').map((cell) => cell.trim());
    return /^(1a|1b|2)$/.test(step ?? '') ? [[step, agree, except]] : [];
  });
  expect(rows).toEqual(STEPS.map(({ step, agree, except }) => [step, agree.join(', '), except.join('; ')]));
});
