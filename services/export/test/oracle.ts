import { isDeepStrictEqual } from 'node:util';
import { type Condition, satisfies } from '@provider-access/testing/search';

/** A resource as an export without restrictions gives it, with what it brings along. */
export interface Line {
  readonly type: string;
  /** Undefined for a resource of no patient. */
  readonly member: string | undefined;
  readonly updated: number;
  readonly resource: Readonly<Record<string, unknown>>;
  readonly references: readonly string[];
}
export interface Wanted {
  readonly types: readonly string[];
  readonly patients?: readonly string[];
  /** ms since the epoch */
  readonly since?: number;
  readonly until?: number;
  /** Each is one filter: all of its conditions must hold. */
  readonly filters: readonly { readonly type: string; readonly all: readonly Condition[] }[];
  /** Parts of types that the scopes cover: a resource of such a type is in one of them. */
  readonly within?: Wanted['filters'];
  /** `Type.element` or `element` */
  readonly elements?: readonly string[];
}

/** R4: elements with a minimum of one, of the types of the test, and the reference to the patient (E31). */
export const KEPT: Readonly<Record<string, readonly string[]>> = {
  Patient: [],
  Observation: ['status', 'code', 'subject'],
  Condition: ['subject'],
  Encounter: ['status', 'class', 'subject'],
  Immunization: ['status', 'vaccineCode', 'patient', 'occurrenceDateTime', 'occurrenceString'],
  Practitioner: [],
  PractitionerRole: [],
  Organization: [],
};
const ALWAYS = ['resourceType', 'id', 'meta', 'implicitRules', 'modifierExtension'];

export const nameOf = ({ type, resource }: Line): string => `${type}/${String(resource['id'])}`;

/** The names of the resources that the request asks for, written from E10 to E40 and over parsed lines alone. */
export function expected(lines: readonly Line[], wanted: Wanted, base: string): ReadonlySet<string> {
  const { types, patients, since = -Infinity, until = Infinity, filters, within = [] } = wanted;
  const byName = new Map(lines.map((line) => [nameOf(line), line]));
  const isIn = (line: Line, all: Wanted['filters']): boolean => {
    const own = all.filter(({ type }) => type === line.type);
    return own.length === 0 || own.some(({ all }) => all.every((each) => satisfies(each, line.resource, base)));
  };
  const found = (line: Line): boolean => {
    const fits = isIn(line, filters) && isIn(line, within);
    return types.includes(line.type) && line.updated < until && fits;
  };
  const released = new Set<string>();
  const reached = new Map<string, boolean>();
  /** Follows what a found resource brings along. `isNew`: a resource that changed since then brings it. */
  const follow = (line: Line, isNew: boolean): void => {
    for (const name of line.references) {
      const target = byName.get(name);
      if (target === undefined || target.member !== undefined || !found(target)) continue;
      if (reached.has(name) && (reached.get(name) === true || !isNew)) continue;
      reached.set(name, isNew || reached.get(name) === true);
      if (isNew || target.updated >= since) released.add(name);
      follow(target, isNew || target.updated >= since);
    }
  };
  for (const line of lines) {
    if (line.member === undefined || !found(line)) continue;
    if (patients !== undefined && !patients.includes(line.member)) continue;
    if (line.updated >= since) released.add(nameOf(line));
    follow(line, line.updated >= since);
  }
  return released;
}

/** What is wrong with the exported form of a resource. */
export function faultOfForm(
  { type, resource }: Line,
  given: typeof resource,
  { elements }: Wanted,
): string | undefined {
  const ofAll = elements?.filter((name) => !name.includes('.')) ?? [];
  const ofType = elements?.filter((name) => name.startsWith(`${type}.`)).map((name) => name.split('.')[1]!) ?? [];
  if (ofAll.length + ofType.length === 0) return isDeepStrictEqual(given, resource) ? undefined : 'was changed';
  const names = [...ofAll, ...ofType, ...KEPT[type]!, ...ALWAYS];
  const isNamed = (key: string): boolean => names.some((name) => key === name || isChoice(key, name));
  const { meta, ...others } = given;
  const { meta: metaBefore, ...before } = resource;
  const kept = Object.fromEntries(Object.entries(before).filter(([key]) => isNamed(key)));
  if (!isDeepStrictEqual(others, kept)) return `has ${Object.keys(others).join()} and not ${Object.keys(kept).join()}`;
  const { tag, ...rest } = meta as { tag?: readonly { code: string }[] };
  const { tag: _former, ...restBefore } = (metaBefore ?? {}) as { tag?: unknown };
  if (!isDeepStrictEqual(rest, restBefore)) return 'has another meta';
  return tag?.some(({ code }) => code === 'SUBSETTED') === true ? undefined : 'has no tag SUBSETTED';
}
/** `value` names `valueQuantity`. The choices of the types of the test. */
const isChoice = (key: string, name: string): boolean =>
  ['value', 'effective', 'onset', 'abatement', 'deceased', 'multipleBirth', 'occurrence', 'start'].includes(name) &&
  key.startsWith(name) &&
  /^[A-Z]/.test(key.slice(name.length));
