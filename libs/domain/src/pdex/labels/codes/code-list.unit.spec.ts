import { describe, expect, it } from 'vitest';
import {
  DEFAULT_LABEL_POLICY,
  labelPolicy,
  listsOf,
  readCodeList,
  strictestRule,
  Tagger,
  withListed,
} from '../index.ts';
import { tagOf } from '../tag.ts';
import { DEFAULT_LIST } from './code-list.ts';

const ICD10 = 'http://hl7.org/fhir/sid/icd-10-cm';
const STATE = 'https://payer.example/labels|state-law';
const entry = (more: object = {}): object => ({
  label: STATE,
  law: 'State law 1.2',
  system: ICD10,
  codes: ['I10'],
  ...more,
});
const file = (more: object = {}): object => ({ list: '2026', source: 'test', labels: [entry()], ...more });
const read = (content: object | string) =>
  readCodeList(typeof content === 'string' ? content : JSON.stringify(content));

describe('a file with a list', () => {
  it.each([
    ['no JSON', '{', 'is not JSON'],
    ['a list', [], 'must be a JSON object'],
    ['a misspelt member', file({ defaults: false }), 'has a member other than "list", "source", "default", "labels"'],
    ['no name', file({ list: undefined }), '"list" must be'],
    ['a name with a sign of labels', file({ list: 'a#b|c' }), '"list" must be'],
    ['no source', file({ source: '' }), '"source" must say'],
    ['a default that is no choice', file({ default: 'no' }), '"default" must be'],
    ['no labels', file({ labels: {} }), '"labels" must be a list'],
    ['an entry that is none', file({ labels: [entry(), 'I10'] }), '"labels" entry 2 must be an object'],
    ['a misspelt member of an entry', file({ labels: [entry({ form: '2020' })] }), 'entry 1 has a member other than'],
    ['no label', file({ labels: [entry({ label: 'HIV' })] }), 'entry 1 needs "label"'],
    ['an empty label', file({ labels: [entry({ label: '|' })] }), 'entry 1 needs "label"'],
    ['no law', file({ labels: [entry({ law: '' })] }), 'entry 1 needs "law"'],
    ['no system', file({ labels: [entry({ system: 'a b' })] }), 'entry 1 needs "system"'],
    ['a start that is no date', file({ labels: [entry({ from: '2020-02-31' })] }), 'entry 1 has a "from"'],
    ['an end that is no date', file({ labels: [entry({ to: 'never' })] }), 'entry 1 has a "to"'],
    ['an end before the start', file({ labels: [entry({ from: '2021', to: '2020' })] }), 'entry 1 ends before'],
    ['no codes', file({ labels: [entry({ codes: [] })] }), 'entry 1 needs "codes"'],
    ['a number', file({ labels: [entry({ codes: ['I10', 291] })] }), 'entry 1 has a code, the 2. one, that is no code'],
  ])('with %s is refused', (_, content, fault) => {
    const reading = read(content);
    expect(reading.ok).toBe(false);
    expect(!reading.ok && reading.fault).toContain(fault);
  });

  it('is added to the built-in list, or replaces it', () => {
    const of = (more: object): string[] => {
      const reading = read(file(more));
      if (!reading.ok) throw new Error(reading.fault);
      return listsOf([reading.policy]).map(({ list }) => list);
    };
    expect([of({}), of({ default: true }), of({ default: false })]).toEqual([
      [DEFAULT_LIST.list, '2026'],
      [DEFAULT_LIST.list, '2026'],
      ['2026'],
    ]);
  });
});

describe('a tagger of several lists', () => {
  const entryOf = (more: object) => entry(more) as (typeof DEFAULT_LIST)['entries'][number];
  const found = (entries: readonly object[], code: string, day = '2024-05-01', system?: string): string[] => {
    const tagger = new Tagger([{ list: 'x', source: 'test', entries: entries.map((one) => entryOf(one)) }]);
    const resource = {
      ...{ resourceType: 'ExplanationOfBenefit', billablePeriod: { start: day, end: day } },
      type: { coding: [{ code, ...(system !== undefined && { system }) }] },
    };
    return tagger.search(resource).map((tag) => tagOf(tag)!.label);
  };
  it('takes dates that overlap, or leave a gap, one by one', () => {
    const dates = [{ from: '2020', to: '2022' }, { from: '2022-06-01', to: '2023-12-31' }, { from: '2025-01-01' }];
    for (const [day, times] of [
      ['2019-12-31', 0],
      ['2020-01-01', 1],
      ['2022-12-31', 1],
      ['2023-12-31', 1],
      ['2024-05-01', 0],
      ['2025-01-01', 1],
    ] as const)
      expect([day, found(dates, 'I10', day)]).toEqual([day, Array.from({ length: times }, () => STATE)]);
  });
  it('keeps one tag of each label, also of a code with many reasons', () => {
    const many = Array.from({ length: 50 }, (_, at) => ({ codes: ['I10'], law: `Law ${at}` }));
    expect(found(many, 'i-10')).toHaveLength(20);
    const labels = found([...many, { label: 'https://other.example|x' }], 'I10');
    expect(new Set(labels)).toEqual(new Set([STATE, 'https://other.example|x']));
  });
  it('takes a list of another system, which the table does not have', () => {
    const own = { system: 'https://payer.example/own-codes/', codes: ['AB-1'] };
    expect(found([own], 'ab1', undefined, 'http://payer.example/own-codes')).toEqual([STATE]);
    expect(found([own], 'ab1', undefined, 'http://payer.example/others')).toEqual([]);
  });
  it('is not deceived by a code that is a name of JavaScript, or endless', () => {
    for (const code of ['constructor', '__proto__', 'toString', 'F11.20'.repeat(10_000), '\u0000', '']) {
      expect(found([{}], code)).toEqual([]);
      // A system that nobody owns can be any system.
      expect(found([{}], 'I10', undefined, code)).toEqual([STATE]);
    }
  });
});

describe('the policy with labels of lists', () => {
  it('withholds a label that it does not know, and keeps its own rules', () => {
    const lists = [{ list: 'x', source: 'test', entries: [entry() as (typeof DEFAULT_LIST)['entries'][number]] }];
    expect(strictestRule([STATE], DEFAULT_LABEL_POLICY)).toBe('release');
    expect(strictestRule([STATE], withListed(DEFAULT_LABEL_POLICY, lists))).toBe('withhold');
    expect(strictestRule([STATE], withListed(labelPolicy({ [STATE]: 'release' }), lists))).toBe('release');
  });
});
