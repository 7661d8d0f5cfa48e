import { type FhirResource, isObject } from '@provider-access/fhir';
import type { Random } from '@provider-access/testing/search';

interface Place {
  readonly parent: Record<string, unknown>;
  readonly name: string;
  /** In a list. */
  readonly index?: number;
  readonly path: string;
}
const UNTOUCHED = new Set(['resourceType', 'id', 'meta', 'text', 'contained', 'language']);

function* placesOf(value: Record<string, unknown>, path: string): Generator<Place> {
  for (const [name, child] of Object.entries(value)) {
    if (UNTOUCHED.has(name) && (path === '' || name === 'id')) continue;
    const here = path === '' ? name : `${path}.${name}`;
    if (!Array.isArray(child)) {
      yield { parent: value, name, path: here };
      if (isObject(child)) yield* placesOf(child, here);
      continue;
    }
    for (const [index, item] of child.entries()) {
      yield { parent: value, name, index, path: `${here}[${index}]` };
      if (isObject(item)) yield* placesOf(item, `${here}[${index}]`);
    }
  }
}

function remove({ parent, name, index }: Place): void {
  const list = parent[name];
  if (index === undefined || !Array.isArray(list) || list.length === 1) delete parent[name];
  else list.splice(index, 1);
}
/** A property whose only child was removed would be an empty object, which R4 does not allow. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(withoutEmpty).filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items;
  }
  if (!isObject(value)) return value;
  const entries = Object.entries(value)
    .map(([name, item]): [string, unknown] => [name, withoutEmpty(item)])
    .filter(([, item]) => item !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

const OTHERS: Readonly<Record<string, unknown>> = {
  valueQuantity: ['valueString', 'x'],
  valueCodeableConcept: ['valueBoolean', true],
  valueString: ['valueQuantity', { value: 1 }],
  valueCoding: ['valueString', 'x'],
  valueCode: ['valueString', 'x'],
  effectiveDateTime: ['effectiveInstant', '2020-01-01T00:00:00Z'],
  timingDate: ['timingPeriod', { start: '2020-01-01' }],
  timingPeriod: ['timingDate', '2020-01-01'],
  servicedDate: ['servicedPeriod', { start: '2020-01-01' }],
  medicationCodeableConcept: ['medicationReference', { reference: 'Medication/1' }],
  diagnosisCodeableConcept: ['diagnosisReference', { reference: 'Condition/1' }],
  dueDate: ['dueDuration', { value: 1, code: 'd', system: 'http://unitsofmeasure.org' }],
};

/** One change at a random place: removed, doubled, another code, system, type of a choice or target. */
export function mutated(resource: FhirResource, random: Random): { resource: FhirResource; change: string } {
  const copy = structuredClone(resource) as Record<string, unknown>;
  const place = random.one([...placesOf(copy, '')]);
  const { parent, name, index, path } = place;
  const value = index === undefined ? parent[name] : (parent[name] as unknown[])[index];
  const other = OTHERS[name] as [string, unknown] | undefined;
  let change = 'removed';
  if (name === 'code' && typeof value === 'string' && random.chance(0.7)) {
    parent[name] = 'no-such-code';
    change = 'another code';
  } else if (name === 'system' && random.chance(0.7)) {
    parent[name] = 'http://example.org/no-such-system';
    change = 'another system';
  } else if (name === 'reference' && typeof value === 'string' && random.chance(0.8)) {
    parent[name] = random.chance(0.5) ? 'Substance/1' : 'Patient/1';
    change = 'another target';
  } else if (other !== undefined && random.chance(0.7)) {
    delete parent[name];
    parent[other[0]] = other[1];
    change = 'another type';
  } else if (index !== undefined && random.chance(0.4)) {
    (parent[name] as unknown[]).push(structuredClone(value));
    change = 'doubled';
  } else remove(place);
  return { resource: withoutEmpty(copy) as FhirResource, change: `${path} ${change}` };
}
