import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Fault, plant } from './fault.ts';
import { withText } from './run.ts';

const fault: Fault = {
  id: 'sum-is-wrong',
  what: 'adds where it should subtract',
  suites: ['libs/a/src/sum.unit.spec.ts'],
  forms: [
    { file: 'libs/a/src/new.ts', find: 'a + b', replace: 'a - b', suites: 'types' },
    { file: 'libs/a/src/old.ts', find: 'a + b', replace: 'a - b' },
  ],
};
const SUITE = { 'libs/a/src/sum.unit.spec.ts': 'test();' };
const planted = (files: Readonly<Record<string, string | undefined>>, of = fault) =>
  plant(of, (file) => ({ ...SUITE, ...files })[file]);

test('writes the first form that applies, with its own suites or those of the fault', () => {
  const old = { 'libs/a/src/old.ts': 'export const sum = a + b;' };
  expect(planted(old)).toEqual({
    file: 'libs/a/src/old.ts',
    text: 'export const sum = a - b;',
    suites: ['libs/a/src/sum.unit.spec.ts'],
  });
  expect(planted({ ...old, 'libs/a/src/new.ts': 'export const n = a + b;' })).toMatchObject({
    file: 'libs/a/src/new.ts',
    suites: 'types',
  });
});

test.each([
  ['a file that is gone', {}],
  ['code that changed', { 'libs/a/src/old.ts': 'export const sum = add(a, b);' }],
  [
    'a suite that is gone',
    { 'libs/a/src/old.ts': 'export const sum = a + b;', 'libs/a/src/sum.unit.spec.ts': undefined },
  ],
  ['a text that is there twice', { 'libs/a/src/old.ts': 'export const sums = [a + b, a + b];' }],
])('names the fault at %s', (_, files) => {
  expect(() => planted(files)).toThrow('sum-is-wrong: no form of the fault applies (adds where it should subtract)');
});

test('refuses an edit that is no TypeScript, because every suite would find it', () => {
  const broken = { ...fault, forms: [{ ...fault.forms[1]!, replace: 'a -' }] };
  expect(() => planted({ 'libs/a/src/old.ts': 'export const sum = a + b;' }, broken)).toThrow('is no TypeScript');
});

test('takes the fault out again, also after an error', () => {
  const root = mkdtempSync(join(tmpdir(), 'faults-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'src'));
  const text = (): string => readFileSync(join(root, 'src/a.ts'), 'utf8');
  writeFileSync(join(root, 'src/a.ts'), 'right');
  expect(withText(root, 'src/a.ts', 'wrong', text)).toBe('wrong');
  expect(() =>
    withText(root, 'src/a.ts', 'wrong', () => {
      throw new Error('a suite could not run');
    }),
  ).toThrow('a suite could not run');
  expect(text()).toBe('right');
});
