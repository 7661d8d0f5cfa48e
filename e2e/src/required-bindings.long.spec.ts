import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkResourceCodes, type FhirResource, isObject, isServedType, structureOf } from '@provider-access/fhir';
import { Random, seed } from '@provider-access/testing/search';
import { foreignFolder, resourcesOf, unpack } from './foreign-data.ts';
import { errorsOf, HAS_VALIDATOR, type Issue } from './validator.ts';

const SETS = ['examples-carin-2.2.0-sushi', 'examples-pdex-2.2.0', 'examples-uscore-6.1.0', 'pathling'];
/** Changed resources of each element. */
const EACH = 3;
if (!HAS_VALIDATOR)
  console.warn('SKIPPED: required bindings by the validator, since shared/tools/validator is not beside this checkout');

/** The validator's errors about a code that is not of the value set of a required binding. */
const isBinding = ({ id = '', msg }: Issue): boolean =>
  /^Terminology_TX_(?:NoValid_(?:1_CC|2_CC|4|16)|Code_ValueSet)/.test(id) && /is required/.test(msg);

/** The value set has all codes of its system, so the validator says only that the system has no such code. */
const isUnknownCode = ({ id }: Issue): boolean => id === 'Terminology_PassThrough_TX_Message';
/** Amounts are never served; the definition of an extension is no base R4. */
const LEFT_OUT = new Set(['Money.currency', 'Extension.valueCode']);

interface Place {
  readonly element: string;
  readonly set: (value: unknown) => void;
  readonly concept: boolean;
}
/** Every code and CodeableConcept of the resource, whatever its binding is. */
function* placesOf(value: Record<string, unknown>, structure: string): Generator<Place> {
  const definition = structureOf(structure);
  for (const [name, child] of Object.entries(value)) {
    const element = definition?.elements.get(name);
    if (element === undefined || name === 'meta' || name === 'contained' || name === 'language') continue;
    for (const [index, one] of (Array.isArray(child) ? (child as unknown[]) : [child]).entries()) {
      const set = (next: unknown): void => {
        if (Array.isArray(child)) child[index] = next;
        else value[name] = next;
      };
      if (element.type === 'code' || element.type === 'CodeableConcept')
        yield { element: `${structure}.${name}`, set, concept: element.type === 'CodeableConcept' };
      if (isObject(one)) yield* placesOf(one, element.type);
    }
  }
}

function examples(): FhirResource[] {
  const work = mkdtempSync(join(tmpdir(), 'provider-access-bindings-'));
  try {
    for (const set of SETS) unpack(join(foreignFolder()!, `${set}.tar.gz`), join(work, set));
    return [...resourcesOf(work)]
      .map(({ resource: { text: _text, meta: _meta, ...resource } }) => resource as FhirResource)
      .filter(({ resourceType }) => isServedType(resourceType));
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** ADR 0059: HL7's validator knows the bindings from the package itself, and no table of ours. */
describe.skipIf(!HAS_VALIDATOR)('codes of foreign resources, changed one at a time', () => {
  test('are wrong exactly where HL7’s validator asks for a code of a required value set', () => {
    const random = new Random(seed);
    const byElement = new Map<string, FhirResource[]>();
    const all = examples();
    for (const example of all)
      for (const { element } of placesOf(structuredClone(example), example.resourceType)) {
        if (LEFT_OUT.has(element)) continue;
        const known = byElement.get(element) ?? [];
        if (known.length < 200) byElement.set(element, [...known, example]);
      }
    const cases = [...byElement].flatMap(([element, some]) =>
      Array.from({ length: EACH }, () => {
        const resource = structuredClone(random.one(some));
        const places = [...placesOf(resource, resource.resourceType)].filter((place) => place.element === element);
        const { set, concept } = random.one(places);
        set(concept ? { coding: [{ system: 'http://payer.example/codes', code: 'not-a-code' }] } : 'not-a-code');
        return { element, resource };
      }),
    );
    const errors = errorsOf(cases.map(({ resource }) => resource));
    const differ: string[] = [];
    let both = 0;
    cases.forEach(({ element, resource }, at) => {
      const table = checkResourceCodes(resource).codes.length > 0;
      const validator = errors[at]!.some((issue) => isBinding(issue) || (table && isUnknownCode(issue)));
      if (table && validator) both += 1;
      if (table !== validator)
        differ.push(`${element}: ${table ? 'table' : 'validator'} only: ${JSON.stringify(errors[at])}`);
    });
    console.log(`seed ${seed}: ${cases.length} cases of ${byElement.size} elements, ${both} wrong by both`);
    expect(differ).toEqual([]);
    expect(both).toBeGreaterThan(100);
    // No foreign resource is refused.
    expect(all.filter((resource) => checkResourceCodes(resource).codes.length > 0).map(({ id }) => id)).toEqual([]);
  }, 3_600_000);
});
