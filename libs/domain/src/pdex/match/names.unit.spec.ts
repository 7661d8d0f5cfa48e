import { describe, expect, it } from 'vitest';
import { foldFamily, foldGiven, givenAgree } from './names.ts';

describe('family names that are one (M42)', () => {
  it.each([
    ['case', 'GARCIA', 'Garcia'],
    ['accents', 'García', 'Garcia'],
    ['accents as marks of their own', 'Garci\u0301a', 'GARCIA'],
    ['letters without a decomposition', 'Łukasz-Møller', 'lukasz moller'],
    ['a sharp s', 'Weiß', 'WEISS'],
    ['a dotted I', 'İnan', 'inan'],
    ['hyphens', 'Smith-Jones', 'Smith Jones'],
    ['a dash of another kind', 'Smith–Jones', 'SmithJones'],
    ['apostrophes', "O'Brien", 'OBrien'],
    ['apostrophes of another kind', 'O’Brien', 'O`Brien'],
    ['an okina', 'Kahaʻi', 'Kahai'],
    ['spaces', 'de la Cruz', 'De  La Cruz '],
    ['letters of full width', 'Ｓｍｉｔｈ', 'Smith'],
    ['a suffix', 'Smith Jr.', 'Smith'],
    ['a suffix behind a comma', 'Smith, III', 'SMITH SR'],
    ['a suffix in points', 'Smith J.R.', 'Smith'],
  ])('%s', (_, a, b) => expect([foldFamily(a), foldFamily(a)]).toEqual([foldFamily(b), expect.any(String)]));
});

describe('family names that are not one (M43)', () => {
  it.each([
    ['a letter', 'Smith', 'Smyth'],
    ['transposed letters', 'Garcia', 'Gracia'],
    ['a part', 'Smith-Jones', 'Smith'],
    ['the parts in another order', 'Smith-Jones', 'Jones-Smith'],
    ['an umlaut in two letters', 'Müller', 'Mueller'],
    ['a sound', 'Meier', 'Mayer'],
  ])('%s', (_, a, b) => expect(foldFamily(a)).not.toBe(foldFamily(b)));
  it.each(['', ' ', '-', 'Unknown', 'LNU', '???'])('"%s" is none', (name) => expect(foldFamily(name)).toBeUndefined());
  it('keeps a name that looks like a suffix', () => expect(foldFamily('Sr')).toBe('sr'));
});

const agree = (a: readonly string[], b: readonly string[]): boolean => {
  const [one, other] = [foldGiven(a), foldGiven(b)];
  expect(givenAgree(other, one)).toBe(givenAgree(one, other));
  return givenAgree(one, other);
};

describe('given names that agree (M42)', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['case and accents', ['JOSÉ'], ['Jose']],
    ['a middle name that only one has', ['Mary', 'Ann'], ['Mary']],
    ['an initial of the middle name', ['Mary', 'A.'], ['Mary', 'Ann']],
    ['two words in one name', ['Mary Ann'], ['Mary', 'Ann']],
    ['a hyphen', ['Mary-Ann'], ['Mary', 'Ann']],
    ['one word', ['Maryann'], ['Mary', 'Ann', 'Louise']],
    ['an apostrophe', ["D'Angelo"], ['DAngelo']],
    ['a suffix', ['Robert Jr'], ['Robert']],
    ['a letter of another script', ['明'], ['明']],
  ])('%s', (_, a, b) => expect(agree(a, b)).toBe(true));
});

describe('given names that do not agree (M43)', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['a nickname: there is no table of them', ['Bob'], ['Robert']],
    ['another middle name, as twins may have', ['Maria', 'Elena'], ['Maria', 'Luisa']],
    ['another initial', ['Mary', 'B'], ['Mary', 'Ann']],
    ['an initial as the first name', ['R'], ['Robert']],
    ['two initials', ['R'], ['R']],
    ['the middle name as the first one', ['Ann'], ['Mary', 'Ann']],
    ['the first letters', ['Rob'], ['Robert']],
    ['Baby Boy', ['Baby Boy'], ['Baby Boy']],
    ['Babygirl A', ['Babygirl', 'A'], ['Babygirl', 'A']],
    ['first name unknown', ['FNU'], ['FNU']],
    ['no name', [], ['Robert']],
  ])('%s', (_, a, b) => expect(agree(a, b)).toBe(false));
});
