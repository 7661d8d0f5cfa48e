export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
export type Change =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: Json }
  | { readonly op: 'remove'; readonly path: string };

const isObject = (value: Json): value is { readonly [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isList = (value: Json): value is readonly Json[] => Array.isArray(value);
const isSame = (a: Json, b: Json): boolean => changesOf(a, b).length === 0;
const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

/**
 * The changes of RFC 6902 that make one value of the other, for many events with one fault. A value is replaced only
 * where the other event has the same wrong value (`test`), so that no event gets a value of another member.
 */
export function changesOf(before: Json, after: Json, path = ''): readonly Change[] {
  if (isObject(before) && isObject(after)) {
    const gone = Object.keys(before).filter((name) => !Object.hasOwn(after, name));
    return [
      ...gone.map((name): Change => ({ op: 'remove', path: `${path}/${escaped(name)}` })),
      ...Object.entries(after).flatMap(([name, value]): readonly Change[] => {
        const place = `${path}/${escaped(name)}`;
        if (!Object.hasOwn(before, name)) return [{ op: 'add', path: place, value }];
        return changesOf(before[name]!, value, place);
      }),
    ];
  }
  if (isList(before) && isList(after)) return ofLists(before, after, path);
  return before === after ? [] : replaced(before, after, path);
}

const replaced = (before: Json, after: Json, path: string): readonly Change[] => [
  { op: 'test', path, value: before },
  { op: 'replace', path, value: after },
];

function ofLists(before: readonly Json[], after: readonly Json[], path: string): readonly Change[] {
  if (before.length === after.length) return after.flatMap((one, i) => changesOf(before[i]!, one, `${path}/${i}`));
  if (after.length > before.length && before.every((one, i) => isSame(one, after[i]!)))
    return after.slice(before.length).map((value): Change => ({ op: 'add', path: `${path}/-`, value }));
  const gone: number[] = [];
  let kept = 0;
  before.forEach((one, i) => {
    if (kept < after.length && isSame(one, after[kept]!)) kept += 1;
    else gone.push(i);
  });
  if (kept < after.length) return replaced(before, after, path);
  // From the end, so that the places in front of a removed one stay.
  return gone.toReversed().map((i): Change => ({ op: 'remove', path: `${path}/${i}` }));
}
