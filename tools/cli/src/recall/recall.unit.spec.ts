import { describe, expect, it } from 'vitest';
import type { Explained } from '../releases/given.ts';
import type { Person } from '../releases/find.ts';
import { dutiesOf, noticeRows } from './notices.ts';
import { confirmed, corrections, foreseen, numberOf, type Recalled } from './wanted.ts';

const TIME = '2026-12-01T16:30:00.123Z';
const recalled: Recalled = {
  data: new Map([['m1', new Set(['Condition'])]]),
  access: new Set(['m2', 'm3']),
  resources: new Map([['m1/Condition/c1', { member: 'm1', type: 'Condition', id: 'c1' }]]),
  statements: [
    { member: 'm2', from: '2026-01-01', provider: { npi: '1234567893', contract: 'A' } },
    { member: 'm3', from: '2026-01-01T08:00:00Z', coverageId: 'cov' },
  ],
  since: '2026-12-01T09:00:00.000Z',
};

describe('the number of a recall', () => {
  it('is of its content, its period and an instant, and of nothing else', () => {
    const number = numberOf(recalled, TIME);
    expect(number).toMatch(/^[0-9a-f]{10}\.20261201T163000123Z$/);
    expect(confirmed(recalled, number)).toEqual({ number, time: TIME });
    const turned = { ...recalled, statements: recalled.statements.toReversed() };
    expect(confirmed(turned, number)?.time).toBe(TIME);
    for (const other of [
      { ...recalled, since: TIME },
      { ...recalled, until: TIME },
      { ...recalled, statements: recalled.statements.slice(1) },
      { ...recalled, resources: new Map() },
    ])
      expect(confirmed(other, number)).toBeUndefined();
    for (const text of ['', 'x', number.slice(1), `${number}0`, number.replace('20261201', '20261301')])
      expect(confirmed(recalled, text), text).toBeUndefined();
  });
});

describe('the events of a recall', () => {
  const events = [...corrections(recalled, { number: 'n', time: TIME }, (member) => [member, `${member}-merged`])];
  it('delete each resource under each id of the person, and end each statement before it began', () => {
    expect(events.map(({ type, subject, data, time }) => [type, subject, data, time])).toEqual([
      ...['m1', 'm1-merged'].map((member) => [
        'payer.resource-deleted.v1',
        member,
        { resourceType: 'Condition', id: 'c1', recall: 'recall.n' },
        TIME,
      ]),
      ['payer.attribution-ended.v1', 'm2', { provider: { npi: '1234567893', contract: 'A' }, to: '2025-12-31' }, TIME],
      ['payer.member-terminated.v1', 'm3', { coverageId: 'cov', to: '2026-01-01T08:00:00Z' }, TIME],
    ]);
  });
  it('are the same each time, and others under another number', () => {
    const again = (number: string) =>
      [...corrections(recalled, { number, time: TIME }, (member) => [member, `${member}-merged`])].map(({ id }) => id);
    expect(again('n')).toEqual(events.map(({ id }) => id));
    expect(again('o').some((id) => events.some((event) => event.id === id))).toBe(false);
    expect(new Set(again('n')).size).toBe(events.length);
  });
});

describe('what a dry run foresees', () => {
  const deniedBy = foreseen(recalled);
  const facts = (providers: string[][], coverages: string[]): Explained => ({
    decision: 'permit',
    memberFacts: {
      attributions: providers.map((of) => ({ providers: of, holds: true, boundToClient: true, inNetwork: true })),
      coverage: coverages.map((coverageId) => ({ coverageId, holds: true })),
    },
  });
  it('denies if nothing else attributes or covers the member, and leaves a denial as it is', () => {
    const wrong = ['npi|1234567893'];
    expect(deniedBy('m2', facts([wrong], ['c']))).toBe('not-attributed');
    expect(deniedBy('m2', facts([wrong, ['npi|1999999984']], ['c']))).toBeUndefined();
    expect(deniedBy('m4', facts([wrong], ['c']))).toBeUndefined();
    expect(deniedBy('m3', facts([wrong], ['cov']))).toBe('not-covered');
    expect(deniedBy('m3', facts([wrong], ['cov', 'other']))).toBeUndefined();
    expect(deniedBy('m2', { decision: 'deny', reason: 'opted-out', memberFacts: null })).toBe('opted-out');
  });
});

describe('the list of persons', () => {
  const person: Person = {
    member: 'm1',
    first: '2026-12-01T10:00:00.000Z',
    last: '2026-12-02T10:00:00.000Z',
    apps: ['North', 'South'],
    providers: ['npi|1234567893'],
    types: ['Condition', 'Procedure'],
    releases: 3,
  };
  it('has what 45 CFR 164.404(c)(1) names, and empty cells for what only the payer knows', () => {
    const [header, row] = noticeRows([person], { recall: 'recall.n', what: 'A claim.', discovered: '2026-12-03' });
    const cells = Object.fromEntries(header!.map((name, at) => [name, row![at]]));
    expect(row).toHaveLength(header!.length);
    expect(cells).toEqual({
      member: 'm1',
      'what happened': 'A claim.',
      'first release': person.first,
      'last release': person.last,
      discovered: '2026-12-03',
      // 164.404(b): 60 calendar days.
      'notify until': '2027-02-01',
      'types of data': 'Condition Procedure',
      recipients: 'North; South',
      'NPIs and TINs': 'npi|1234567893',
      releases: '3',
      recall: 'recall.n',
      ...{ name: '', address: '', State: '', 'whose data': '' },
    });
  });
  it.each([
    [0, undefined],
    [1, /Fewer than 500.*164\.408\(c\)/],
    [499, /Fewer than 500/],
    [500, /500 or more.*164\.408\(b\).*164\.406/],
  ])('names the duties of %i persons', (people, hhs) => {
    const duties = dutiesOf(people, '2026-12-03');
    expect(duties.length).toBe(hhs === undefined ? 0 : 2);
    if (hhs !== undefined) expect(duties.at(-1)).toMatch(hhs);
  });
});
