import { describe, expect, it } from 'vitest';
import { PROFILE_ROWS } from '../definitions/profile-table.ts';
import { CARIN, CLAIMS, CLINICAL, coded, info, PDEX, US_CORE } from '../../test/profiles/samples.ts';
import type { FhirResource } from '../types.ts';
import { check } from './check.ts';
import { compileProfile } from './compile.ts';
import { QuickGroup } from './quick.ts';

const profiles = PROFILE_ROWS.map(({ url, type, rules }) => {
  const group = compileProfile(type, rules);
  return { url, type, group, quick: new QuickGroup(group) };
});
type Node = Record<string, unknown>;

/** What a sender may put in the place of a value, correct or not. */
const others = (value: unknown): readonly unknown[] => [
  undefined,
  null,
  'x',
  {},
  [],
  [value],
  [value, value],
  [value, value, null],
  [[value]],
  ...(Array.isArray(value)
    ? [[...(value as unknown[]), {}], [...(value as unknown[]), value[0]], value[0], value.toReversed()]
    : []),
  ...(typeof value === 'object' && value !== null && !Array.isArray(value) ? [{ ...value, extension: [{}] }] : []),
];

/** Calls `look` with each change of one value, name or item below the node, and undoes the change. */
function eachChange(node: Node, look: () => void): void {
  for (const name of Object.keys(node)) {
    const value = node[name];
    for (const other of others(value)) {
      node[name] = other;
      look();
    }
    node[name] = value;
    for (const [added, more] of [
      [`_${name}`, { extension: [{}] }],
      ['', value],
      [`${name}String`, value],
      ['valueString', 'x'],
      ['effectiveDateTime', '2026'],
    ] as const) {
      if (Object.hasOwn(node, added)) continue;
      node[added] = more;
      look();
      delete node[name];
      look();
      node[name] = value;
      delete node[added];
    }
    for (const inner of Array.isArray(value) ? (value as unknown[]) : [value])
      if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) eachChange(inner as Node, look);
  }
}

const discriminator = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PDexAdjudicationDiscriminator';
const review = (code: string) => ({
  url: `${PDEX}extension-reviewAction`,
  extension: [
    { url: `${PDEX}extension-reviewActionCode`, valueCodeableConcept: { coding: [{ code }] } },
    { url: 'number', valueString: 'PA-1' },
  ],
});
const weight = { value: 80, unit: '[lb_av]', system: 'http://unitsofmeasure.org' };
const samples: readonly [string, FhirResource][] = [
  ...Object.entries(CLAIMS),
  ...Object.entries(CLINICAL),
  // Primitives with a pattern that may be absent.
  [
    'weight',
    { ...CLAIMS['Professional-NonClinician']!, supportingInfo: [info(1, 'patientweight', { valueQuantity: weight })] },
  ],
  // Closed lists.
  [
    'authorization',
    {
      ...CLAIMS['Professional-NonClinician']!,
      meta: { profile: [`${PDEX}pdex-priorauthorization`] },
      use: 'preauthorization',
      adjudication: [],
      item: [
        {
          sequence: 1,
          productOrService: coded('http://www.ama-assn.org/go/cpt', '70551'),
          adjudication: [
            { extension: [review('A1')], category: coded(discriminator, 'allowedunits'), value: 2 },
            { category: coded(discriminator, 'consumedunits'), value: 0 },
          ],
        },
      ],
    },
  ],
];

describe('the quick check', () => {
  it.each(samples)('holds for no change of the sample %s that lacks something', (_name, sample) => {
    const resource = structuredClone(sample);
    const mine = profiles.filter(({ type }) => type === resource.resourceType);
    let quick = 0;
    eachChange(resource, () => {
      for (const { group, quick: asked, url } of mine) {
        if (!asked.holds(resource)) continue;
        quick += 1;
        const lacks = check(group, resource);
        if (lacks !== undefined) expect({ url, lacks, resource }).toEqual({ url, resource });
      }
    });
    expect(quick).toBeGreaterThan(0);
    expect(resource).toEqual(sample);
  });

  const named = (canonical: string, guide: number) =>
    profiles[PROFILE_ROWS.findIndex(({ url, guide: of }) => url === canonical && of === guide)]!;
  it.each<[string, string, number, FhirResource]>([
    ...Object.entries(CLAIMS).map(([kind, claim]): [string, string, number, FhirResource] => [
      kind,
      `${CARIN}C4BB-ExplanationOfBenefit-${kind}-Basis`,
      2,
      claim,
    ]),
    ...Object.entries(CLINICAL).map(([name, resource]): [string, string, number, FhirResource] => [
      name,
      `${US_CORE}${name}`,
      0,
      resource,
    ]),
  ])('holds for the sample %s', (_name, canonical, guide, resource) => {
    expect(named(canonical, guide).quick.holds(resource)).toBe(true);
  });
});
