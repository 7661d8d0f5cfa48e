import { isServedType, printable, structureOf } from '@provider-access/fhir';
import { type Given, refusal } from './given.ts';

const NAME = '_elements';

/** The root elements to which the resources of a type are cut. A type without an entry is not cut. */
export type ElementsOfTypes = Readonly<Record<string, readonly string[]>>;

const has = (type: string, name: string): boolean => {
  const known = structureOf(type)?.elements;
  return known?.has(name) === true || [...(known?.values() ?? [])].some(({ choice }) => choice === `${name}[x]`);
};

/**
 * `Type.element` cuts one type. `element` cuts each exported type, also those that do not have it.
 * @throws Refusal that names the element
 */
export function readElements(given: Given, types: readonly string[]): ElementsOfTypes | undefined {
  if (!given.names().has(NAME)) return undefined;
  const ofAll = new Set<string>();
  const ofType = new Map<string, Set<string>>();
  const names = given.values(NAME).flatMap((list) => list.split(','));
  for (const name of names.map((each) => each.trim())) {
    const [first = '', element, ...more] = name.split('.');
    const fault = (why: string) => refusal('invalid-value', NAME, `${NAME}: ${printable(name)} ${why}`);
    if (more.length > 0) throw fault('is nested. Only root elements can be named.');
    if (element === undefined) {
      if (!types.some((type) => has(type, first))) throw fault('is no root element of a type that is exported.');
      ofAll.add(first);
      continue;
    }
    if (!isServedType(first) || !types.includes(first)) throw fault('is of no type that is exported.');
    if (!has(first, element)) throw fault('is no root element of the type.');
    const known = ofType.get(first);
    if (known === undefined) ofType.set(first, new Set([element]));
    else known.add(element);
  }
  const cut = ofAll.size > 0 ? types : [...ofType.keys()];
  return Object.fromEntries(cut.map((type) => [type, [...ofAll, ...(ofType.get(type) ?? [])]]));
}
