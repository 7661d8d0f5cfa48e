import { describe, expect, it } from 'vitest';
import { nameFault, oneForm, skeleton } from './names.ts';

describe('the name of an app', () => {
  it.each([
    'Elm Street Practice',
    'Dr. Müller & Söhne (2. Etage)',
    'Nguyễn Thị Minh Khai',
    '東京クリニック',
    'عيادة الشفاء',
    'בֵּית חוֹלִים',
    'क्लिनिक',
    'Клиника Здоровье',
    'Ω Health',
    'Клиника Elm',
    "O'Neill–Smith | 24/7",
    '3M',
  ])('may be %s', (name) => {
    expect(nameFault(oneForm(name))).toBeUndefined();
  });

  it.each<[string, string, RegExp]>([
    ['of Hangul fillers', '\u3164\u3164', /invisible/],
    ['with a half-width filler', 'Elm\uffa0', /invisible/],
    ['with a combining grapheme joiner', 'E\u034flm', /invisible/],
    ['with a variation selector', 'Elm\ufe0f', /invisible/],
    ['of blank Braille', '\u2800', /invisible/],
    ['with blank Braille between', 'Elm\u2800Street', /invisible/],
    ['of punctuation', '---', /letter or a digit/],
    ['of a symbol', '★', /letter or a digit/],
    ['of an accent', '\u0301a', /without a letter/],
    ['with an accent on a blank', 'Elm \u0301Street', /without a letter/],
    ['with a pile of marks', `E${'\u0301'.repeat(150)}`, /more than four marks/],
    ['with five marks, one of them composed', 'é\u0323\u0324\u0325\u0326', /more than four marks/],
    ['with a Cyrillic letter in a Latin word', 'Еlm Street', /another alphabet/],
    ['with a Greek letter in a Latin word', 'Elm Strεet', /another alphabet/],
  ])('is refused: %s', (_what, name, fault) => {
    expect(nameFault(oneForm(name))).toMatch(fault);
  });

  it('has one form for blanks and composed letters', () => {
    expect(oneForm('\u00a0Elm\u3000\u2003Street\u1680')).toBe('Elm Street');
    expect(oneForm('Mu\u0308ller')).toBe('Müller');
  });

  it.each([
    ['Elm Street', 'ELM  STREET'],
    ['Elm Street', 'Elm-Street.'],
    ['Elm Street', 'EIm Street'],
    ['Elm Street', 'E1m Street'],
    ['Elm Street', 'Ｅｌｍ　Ｓｔｒｅｅｔ'],
    ['Elm Street', '𝐄𝐥𝐦 Street'],
    ['Elm Street', 'Élm Strèet'],
    ['Oak Clinic', '0ak Clinic'],
    ['cope', 'соре'],
    ['Modern', 'Modem'],
    ['Wave', 'VVave'],
    ['Office', 'Oﬃce'],
  ])('looks alike: %s and %s', (one, other) => {
    expect(skeleton(other)).toBe(skeleton(one));
  });
  it.each([
    ['Elm Street', 'Oak Street'],
    ['Elm Street', 'Elm Street North'],
    ['東京クリニック', '大阪クリニック'],
  ])('differs: %s and %s', (one, other) => {
    expect(skeleton(other)).not.toBe(skeleton(one));
  });
});
