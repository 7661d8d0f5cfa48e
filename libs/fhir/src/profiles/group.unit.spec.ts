import { expect, it } from 'vitest';
import { type Check, Group } from './group.ts';

const groupOf = (...names: readonly string[]): Group =>
  new Group(names.map((name) => ({ name, sibling: `_${name}` }) as unknown as Check));

/** What a group finds in an object, by the names of its checks. */
function read(group: Group, parent: Readonly<Record<string, unknown>>): Record<string, unknown> {
  group.read(parent);
  const found = group.checks.flatMap(({ name, place }) =>
    group.values[place] === undefined ? [] : [[name, group.values[place]]],
  );
  group.clear();
  return Object.fromEntries(found) as Record<string, unknown>;
}

it('finds each element, whatever order and names the objects before had', () => {
  const [one, other] = [groupOf('code', 'text', 'status'), groupOf('status', 'code', 'text')];
  const objects = [
    { code: 1, text: 2, status: 3 },
    { status: 3, code: 1 },
    // No element has an empty name, but a sender may write one.
    { '': 0, text: 2 },
    { '': 0, code: 1, _: 0, text: 2 },
    { unknown: 0, '': 0, status: 3 },
    { '': 0 },
    {},
  ];
  for (const first of objects)
    for (const second of objects)
      for (const [group, object] of [
        [one, first],
        [other, second],
        [other, first],
        [one, second],
      ] as const) {
        const expected = Object.entries(object).filter(([name]) => name !== '' && name !== '_' && name !== 'unknown');
        expect(read(group, object)).toEqual(Object.fromEntries(expected));
      }
});
