import { expect, it } from 'vitest';
import { readCodeList } from '@provider-access/domain/pdex/labels';
import { codeListOf } from './cms-labels.ts';

const row = (system: string, code: string, from = '1970-01-01', to = '9999-12-31', more = ''): string =>
  `- system: ${system}\n  code: ${code}\n  startDate: ${from}\n  endDate: ${to}\n${more}`;
/** The form of CMS's file, with made-up codes. */
const TEXT =
  row('http://www.ama-assn.org/go/cpt', '00000') +
  row('urn:icd', '303.00') +
  row('urn:icd', 'F11.20') +
  row('urn:icd', '303.00') +
  row('urn:icd', 'G1', '2021-11-04', '2024-12-31', '  comment: as it was\n');

it('R15 has every code of the file, those of CPT included, as the text that stands there', () => {
  const file = codeListOf(TEXT, '2026-08-22');
  expect(file).toMatchObject({ list: '2026-08-22', default: false });
  expect(file.labels.map(({ system, from, to, codes }) => [system, from, to, codes])).toEqual([
    ['http://www.ama-assn.org/go/cpt', undefined, undefined, ['00000']],
    ['urn:icd', undefined, undefined, ['303.00', 'F11.20']],
    ['urn:icd', '2021-11-04', '2024-12-31', ['G1']],
  ]);
  expect(readCodeList(JSON.stringify(file))).toMatchObject({ ok: true });
});

it.each([
  ['no YAML', '- a: [', /not YAML/],
  ['no list', 'system: x', /list of codes/],
  ['nothing', '', /list of codes/],
  ['an entry that is no object', `${TEXT}- x\n`, /entry 6 is no object/],
  ['an unknown member', row('urn:icd', 'A', undefined, undefined, '  label: HIV\n'), /entry 1 has a member other/],
  ['no system', '- code: A\n', /entry 1 needs a system/],
  ['no code', '- system: urn:icd\n', /entry 1 needs a code/],
  ['a date that is none', row('urn:icd', 'A', 'soon'), /entry 1 has a startDate/],
  ['a day that is none', row('urn:icd', 'A', '2025-02-30'), /"from" that is no date/],
  ['a period that ends before it begins', row('urn:icd', 'A', '2025-01-01', '2024-01-01'), /ends before it begins/],
])('refuses %s, and names no value', (_, text, message) => {
  expect(() => codeListOf(text, '2026-08-22')).toThrow(message);
});
