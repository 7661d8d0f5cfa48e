import fhirpath from 'fhirpath';
import r4 from 'fhirpath/fhir-context/r4';

/**
 * FHIR R4 search as its specification says (https://hl7.org/fhir/R4/search.html), over values that HL7's FHIRPath
 * engine finds. It shares no code with the search of this library: it takes conditions that are not yet text.
 */
export interface Condition {
  readonly parameter: { name: string; kind: string; path: string; targets?: readonly string[]; system?: string };
  readonly modifier?: string;
  readonly any: readonly Wanted[];
}
export interface Wanted {
  readonly text?: string;
  readonly system?: string;
  readonly code?: string;
  readonly prefix?: string;
  readonly date?: string;
  readonly number?: string;
  readonly unit?: string;
  readonly type?: string;
}
type Json = Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- parsed resources

const KINDS: Record<string, string> = {
  date: 'date dateTime instant Period Timing',
  token: 'CodeableConcept Coding Identifier ContactPoint code boolean string uri',
  reference: 'Reference canonical uri',
  string: 'string HumanName Address',
  quantity: 'Quantity',
  uri: 'uri',
};
const compiled = new Map<string, (resource: Json) => unknown[]>();
/** By resource and path: the engine is slow, and thousands of queries ask about the same resources. */
const found = new WeakMap<object, Map<string, readonly unknown[]>>();

/** The values of a parameter that its kind can compare. Do not change the resource after the first call. */
export function valuesOf(parameter: Condition['parameter'], resource: object): readonly unknown[] {
  let byPath = found.get(resource);
  if (byPath === undefined) found.set(resource, (byPath = new Map()));
  let values = byPath.get(parameter.path);
  if (values === undefined) byPath.set(parameter.path, (values = evaluated(parameter, resource)));
  return values;
}

/** The engine cannot resolve references, so `resolve() is Patient` is checked here. */
function evaluated({ kind, path }: Condition['parameter'], resource: object): readonly unknown[] {
  let evaluate = compiled.get(path);
  if (evaluate === undefined) compiled.set(path, (evaluate = compile(kind, path)));
  const values = evaluate(resource as Json);
  if (!path.includes('resolve()')) return values;
  return values.filter((each) => /(^|\/)Patient\/[^/]+(\/_history\/[^/]+)?$/.test((each as Json)['reference'] ?? ''));
}

function compile(kind: string, path: string): (resource: Json) => unknown[] {
  const expression = path
    .replace(/\((\S+) as (\w+)\)/g, '$1.ofType($2)')
    .replace(/\.as\(/g, '.ofType(')
    .replace(/\.valueDateTime/, '.value.ofType(dateTime)')
    .replace('.where(resolve() is Patient)', '');
  const types = KINDS[kind]!.split(' ').map((type) => `$this is FHIR.${type}`);
  return fhirpath.compile(`(${expression}).where(${types.join(' or ')})`, r4) as never;
}

export function satisfies({ parameter, modifier, any }: Condition, resource: object, base: string): boolean {
  const values = valuesOf(parameter, resource) as Json[];
  if (modifier === 'missing') return any.some(({ text }) => text === String(values.length === 0));
  const found = values.some((value) => any.some((wanted) => holds(wanted, value, parameter, modifier, base)));
  return modifier === 'not' ? !found : found;
}

/** A chain: the reference names one of `others` of the type that satisfies the condition. */
export function satisfiesChain(
  { parameter, type, condition }: { parameter: Condition['parameter']; type: string; condition: Condition },
  resource: object,
  others: readonly object[],
  base: string,
): boolean {
  const references = valuesOf(parameter, resource) as Json[];
  return (others as readonly Json[])
    .filter((other) => other['resourceType'] === type && satisfies(condition, other, base))
    .some(({ id }) => references.some((each) => isReference({ text: `${type}/${id}` }, each, parameter.targets, base)));
}

/** As the search compares strings: without regard to case, accents and the width of white space. */
const plain = (text: string) =>
  text.normalize('NFD').toLowerCase().replace(/\p{M}/gu, '').split(/\s+/).filter(Boolean).join(' ');

function holds(
  wanted: Wanted,
  value: Json,
  { kind, ...parameter }: Condition['parameter'],
  modifier: string | undefined,
  base: string,
): boolean {
  if (modifier === 'text')
    return [
      value['text'],
      value['display'],
      value['type']?.text,
      ...(value['coding'] ?? []).map((c: Json) => c['display']),
    ]
      .filter((text) => typeof text === 'string')
      .some((text) => plain(text).startsWith(plain(wanted.text!)));
  if (modifier === 'identifier') return value['identifier'] !== undefined && isToken(wanted, value['identifier']);
  switch (kind) {
    case 'token':
      if (typeof value !== 'object')
        return isToken(wanted, { system: undefined, code: String(value) }, parameter.system);
      return (value['coding'] ?? [value]).some((each: Json) => isToken(wanted, each));
    case 'string':
      return Object.entries(typeof value === 'string' ? { value } : value)
        .flatMap(([name, each]) => (['use', 'type', 'period'].includes(name) ? [] : each))
        .some((text) =>
          modifier === 'exact'
            ? text === wanted.text
            : plain(text as string)[modifier === 'contains' ? 'includes' : 'startsWith'](plain(wanted.text!)),
        );
    case 'reference':
      return isReference(wanted, value, parameter.targets, base);
    case 'uri':
      return isUri(wanted.text!, value as unknown as string);
    case 'date':
      return isTime(wanted.prefix!, span(wanted.date!), timeOf(value));
    default:
      return isQuantity(wanted, value);
  }
}

/** "When in doubt", codes are compared without regard to case. A `code` element has the system of its value set. */
function isToken({ system, code }: Wanted, found: Json, implied?: string): boolean {
  const text: unknown = found['code'] ?? found['value'];
  if (code !== undefined && (typeof text !== 'string' || text.toLowerCase() !== code.toLowerCase())) return false;
  if (system === undefined) return text !== undefined;
  if (system === '') return found['system'] === undefined;
  return (found['system'] ?? implied) === system;
}

const isUri = (wanted: string, found: string) =>
  found === wanted || (!wanted.includes('|') && found.split('|')[0] === wanted);

function isReference(
  { text, type }: Wanted,
  value: Json,
  targets: readonly string[] | undefined,
  base: string,
): boolean {
  if (typeof value === 'string') return text!.includes('/') || text!.includes(':') ? isUri(text!, value) : false;
  const reference: string | undefined = value['reference']?.replace(/\/_history\/.*$/, '');
  if (reference === undefined) return false;
  const local = reference.startsWith(`${base}/`) ? reference.slice(base.length + 1) : reference;
  const names = /^[A-Za-z0-9.-]+$/.test(text!)
    ? (type === undefined ? targets! : [type]).map((each) => `${each}/${text}`)
    : [text!];
  return names.some((name) => (name.startsWith(`${base}/`) ? name.slice(base.length + 1) : name) === local);
}

type Span = [number, number];
function span(text: string): Span {
  const [, year, month, day, rest, fraction = '', zone = 'Z'] =
    /^(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:T(\d\d:\d\d(?::\d\d)?)(\.\d+)?(Z|[+-]\d\d:\d\d)?)?$/.exec(text)!;
  if (rest === undefined) {
    const next: [number, number, number] = [Number(year), Number(month ?? 1) - 1, Number(day ?? 1)];
    const at = (y: number, m: number, d: number) => new Date(0).setUTCFullYear(y, m, d);
    const [y, m, d] = next;
    return [at(y, m, d), day !== undefined ? at(y, m, d + 1) : month !== undefined ? at(y, m + 1, d) : at(y + 1, m, d)];
  }
  const start = Date.parse(`${year}-${month}-${day}T${rest.length === 5 ? `${rest}:00` : rest}${fraction}${zone}`);
  const length = rest.length === 5 ? 60_000 : fraction === '' ? 1000 : Math.max(1, 10 ** (4 - fraction.length));
  return [start, start + length];
}

function timeOf(value: unknown): Span | undefined {
  if (typeof value === 'string') return span(value);
  const { start, end, event = [], repeat } = value as Json;
  const bounds = [start, end].map((each) => (each === undefined ? undefined : span(each)));
  if (start !== undefined || end !== undefined) {
    if (bounds.every((each) => each !== undefined)) return outer(bounds as Span[]);
    return [bounds[0]?.[0] ?? -Infinity, bounds[1]?.[1] ?? Infinity];
  }
  const bound = repeat?.boundsPeriod === undefined ? undefined : timeOf(repeat.boundsPeriod);
  const all = [...event.map(span), ...(bound === undefined ? [] : [bound])] as Span[];
  return all.length === 0 ? undefined : outer(all);
}
const outer = (all: Span[]): Span => [Math.min(...all.map(([start]) => start)), Math.max(...all.map(([, end]) => end))];

function isTime(prefix: string, [from, to]: Span, time: Span | undefined): boolean {
  if (time === undefined) return false;
  const [start, end] = time;
  const contained = from <= start && end <= to;
  const tests: Record<string, boolean> = {
    eq: contained,
    ne: !contained,
    gt: end > to,
    ge: end > to || contained,
    lt: start < from,
    le: start < from || contained,
    sa: start >= to,
    eb: end <= from,
    ap: start < to + (to - from) && end > from - (to - from),
  };
  return tests[prefix]!;
}

function isQuantity({ prefix, number: text, system, unit }: Wanted, { value, comparator, ...found }: Json): boolean {
  if (value === undefined) return false;
  if (system && found['system'] !== system) return false;
  if (unit && found['code'] !== unit && (system || found['unit'] !== unit)) return false;
  const number = Number(text);
  const digits = text!.split('.')[1]?.length ?? 0;
  // Far from the rounding of floating point, in which 5.4 - 0.05 is above 5.35.
  const exact = (near: number) => Number(near.toFixed(digits + 6));
  const half = 0.5 * 10 ** -digits;
  const tiny = 1e-9;
  const least = comparator === '<' || comparator === '<=' ? -Infinity : comparator === '>' ? value + tiny : value;
  const most = comparator === '>' || comparator === '>=' ? Infinity : comparator === '<' ? value - tiny : value;
  const equal = least >= exact(number - half) && most < exact(number + half);
  const tests: Record<string, boolean> = {
    eq: equal,
    ne: !equal,
    gt: most > number,
    ge: most >= number,
    lt: least < number,
    le: least <= number,
    sa: least > number,
    eb: most < number,
    ap: least <= number + Math.abs(number) / 10 && most >= number - Math.abs(number) / 10,
  };
  return tests[prefix!]!;
}
