import type { FhirResource, SearchParameter } from '@provider-access/fhir';
import { type Condition, valuesOf, type Wanted } from './oracle.ts';
import { BASE, type Random, randomDate, randomValue } from './random.ts';

type Json = Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- parsed resources
const PREFIXES = ['eq', 'ne', 'gt', 'ge', 'lt', 'le', 'sa', 'eb', 'ap'];

/** A condition on a parameter, often met by the resource, and the text of a query that means the same. */
export function randomCondition(
  random: Random,
  parameter: SearchParameter,
  resource: FhirResource,
): { readonly condition: Condition; readonly key: string; readonly value: string } {
  const offered = parameter.modifiers.filter((modifier) => parameter.kind !== 'reference' || !/^[A-Z]/.test(modifier));
  const drawn = random.chance(0.5) || offered.length === 0 ? undefined : random.one(offered);
  const count = drawn === 'missing' ? 1 : 1 + random.below(random.chance(0.3) ? 3 : 1);
  const any = Array.from({ length: count }, () => {
    if (drawn === 'missing') return { text: String(random.chance(0.5)) };
    return wantedOf(random, parameter, drawn, resource);
  });
  const condition = { parameter, ...(drawn === undefined ? {} : { modifier: drawn }), any };
  const type = drawn === undefined && count === 1 && random.chance(0.2) ? any[0]!.type : undefined;
  return {
    condition: type === undefined ? { ...condition, any: any.map(({ type: _type, ...rest }) => rest) } : condition,
    key: parameter.name + (drawn === undefined ? '' : `:${drawn}`) + (type === undefined ? '' : `:${type}`),
    value: any.map((wanted) => textOf(parameter, drawn, wanted)).join(','),
  };
}

const escape = (text: string) => text.replace(/[\\,|$]/g, '\\$&');

function textOf({ kind }: SearchParameter, modifier: string | undefined, wanted: Wanted): string {
  const { text, system, code, prefix, date, number, unit } = wanted;
  if (modifier === 'identifier' || (kind === 'token' && modifier !== 'text' && modifier !== 'missing'))
    return (system === undefined ? '' : `${escape(system)}|`) + escape(code ?? '');
  if (date !== undefined) return (prefix === 'eq' ? '' : prefix!) + date;
  if (number !== undefined)
    return `${prefix === 'eq' ? '' : prefix}${number}${unit === undefined ? '' : `|${escape(system ?? '')}|${unit}`}`;
  return escape(text!);
}

/** Upper and lower case, or a part of the text: a search still finds some of them. */
const vary = (random: Random, text: string) =>
  random.one([text, text, text.toUpperCase(), text.toLowerCase(), text.slice(0, 1 + random.below(text.length))]);

function wantedOf(
  random: Random,
  parameter: SearchParameter,
  modifier: string | undefined,
  resource: FhirResource,
): Wanted {
  const values = valuesOf(parameter, resource) as Json[];
  const found = values.length > 0 && random.chance(0.85) ? random.one(values) : undefined;
  if (modifier === 'identifier') return token(random, found?.['identifier'] ?? randomValue(random, 'Identifier', 2));
  if (modifier === 'text') {
    const texts = [found?.['text'], found?.['display'], ...(found?.['coding'] ?? []).map((c: Json) => c['display'])];
    return {
      text: readable(vary(random, random.one(texts.filter((each) => typeof each === 'string').concat('Smith')))),
    };
  }
  switch (parameter.kind) {
    case 'token': {
      const one = typeof found === 'object' && found['coding'] !== undefined ? random.one(found['coding']) : found;
      const primitive = typeof one === 'string' || typeof one === 'boolean' ? { code: String(one) } : one;
      const system = primitive !== one && random.chance(0.3) ? { system: parameter.system ?? 'http://none' } : {};
      return token(random, { ...(primitive ?? (randomValue(random, 'Coding', 2) as Json)), ...system });
    }
    case 'string': {
      const texts = found === undefined ? [] : Object.values(typeof found === 'string' ? [found] : found).flat();
      const text = random.one([...texts.filter((each) => typeof each === 'string'), 'Smith']) as string;
      return {
        text: readable(
          modifier === 'contains' ? vary(random, text.slice(random.below(text.length))) : vary(random, text),
        ),
      };
    }
    case 'reference':
      return reference(random, parameter, found);
    case 'uri':
      return { text: random.one([String(found ?? 'http://p'), String(found ?? 'http://p').split('|')[0]!]) };
    case 'quantity':
      return {
        prefix: random.one(PREFIXES),
        number: random.chance(0.4)
          ? String(found?.['value'] ?? 5)
          : random.one(['5', '5.4', '5.40', '-3', '0.001', '100']),
        ...random.one([{}, {}, { system: '', unit: 'mg' }, { system: 'http://unitsofmeasure.org', unit: 'mg' }]),
      };
    // Group alone has such a parameter, and its spec has the rows.
    case 'composite':
      return { text: 'code$value' };
    case 'date': {
      const near: string =
        typeof found === 'string' ? found : (found?.['start'] ?? found?.['end'] ?? randomDate(random));
      const cut = random.one([4, 7, 10, near.length, near.length]);
      return { prefix: random.one(PREFIXES), date: random.chance(0.7) ? near.slice(0, cut) : randomDate(random) };
    }
  }
}

/** A search refuses white space alone, and a URL cannot carry half of a surrogate pair. */
const readable = (text: string) => (text.trim() === '' || !text.isWellFormed() ? 'Smith' : text);

function token(random: Random, found: Json): Wanted {
  const code: string | undefined = found['code'] ?? found['value'];
  const system: string | undefined = found['system'];
  const text =
    code === undefined
      ? 'final'
      : random.one([code, code, code.toUpperCase(), code.toLowerCase(), code.slice(0, -1) || code]);
  return random.one([
    { code: text },
    { code: text },
    { system: system ?? '', code: text },
    { system: system ?? 'http://loinc.org', code: text },
    system === undefined ? { system: '', code: text } : { system },
  ]);
}

function reference(random: Random, { targets }: SearchParameter, found: Json | string | undefined): Wanted {
  const text = typeof found === 'string' ? found : ((found?.['reference'] ?? 'Patient/a') as string);
  const plain = text.replace(/\/_history\/.*$/, '');
  const name = /([A-Z]\w+\/[^/]+)$/.exec(plain)?.[1];
  if (plain.startsWith('#') || (name === undefined && !plain.includes(':'))) return { text: 'Patient/a' };
  if (typeof found === 'string') return { text: random.one([found, found.split('|')[0]!]) };
  if (name === undefined) return { text: plain };
  const [type, id] = name.split('/') as [string, string];
  const typed = targets?.includes(type) === true ? { type } : {};
  return random.one([
    { text: plain },
    { text: name, ...typed },
    { text: `${BASE}/${name}` },
    ...(targets === undefined ? [] : [{ text: id, ...typed }]),
  ]);
}
