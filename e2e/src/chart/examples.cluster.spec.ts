import { expect, describe, test } from 'vitest';
import { EXAMPLE_NAMES, exampleValues, rendered, renderExample } from './examples.ts';
import { objectsOf, render, template } from './helm.ts';
import { kubeconform } from './kubeconform.ts';

/** So many objects at least: an empty rendering is valid too. */
const AT_LEAST = { small: 35, gateway: 35, production: 45, everything: 50 } as const;

test('the examples are those that the docs name', () => {
  expect(EXAMPLE_NAMES.toSorted()).toEqual(Object.keys(AT_LEAST).toSorted());
});

test('kubeconform -strict finds no fault in any of them', async () => {
  const names = Object.entries(AT_LEAST);
  const texts = await Promise.all(names.map(async ([name]) => (await template([exampleValues(name)])).text));
  const verdicts = await kubeconform(texts);
  for (const [i, [name, atLeast]] of names.entries()) {
    expect(verdicts[i]!.faults, name).toEqual([]);
    expect(verdicts[i]!.valid, name).toBe(objectsOf(texts[i]!).length);
    expect(verdicts[i]!.valid, name).toBeGreaterThanOrEqual(atLeast);
  }
});

describe.each(Object.keys(AT_LEAST))('the example %s', (name) => {
  test('is what its values become (npm run chart writes it)', async () => {
    expect(rendered(name)).toBe(await renderExample(name));
  });

  test('names every object once, and each within 63 characters', async () => {
    const names = (await render([exampleValues(name)])).map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((each) => each.split('/')[1]!.length > 63)).toEqual([]);
  });
});

test('the longest release name that Helm takes still makes valid names', async () => {
  const { text } = await template([exampleValues('everything'), { fullnameOverride: '', nameOverride: '' }], { release: 'r'.repeat(53) });
  const objects = objectsOf(text);
  expect(objects.length).toBeGreaterThan(50);
  expect(objects.filter(({ metadata }) => metadata.name.length > 63).map(({ metadata }) => metadata.name)).toEqual([]);
  expect(objects.flatMap(({ metadata }) => Object.values(metadata.labels ?? {})).filter((value) => value.length > 63)).toEqual([]);
});

test('kubeconform sees an unknown field, a wrong type, an unknown field of a foreign kind and an unknown kind', async () => {
  const [verdict, nothing] = await kubeconform([[
    'apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { port: 1 }\n',
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: b }\nspec: { replicas: two, selector: {}, template: {} }\n',
    'apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: c }\nspec: { parentRef: [] }\n',
    'apiVersion: example.com/v1\nkind: Unknown\nmetadata: { name: d }\n',
  ].join('---\n'), '']);
  expect(verdict!.faults.map((fault) => fault.split(':')[0])).toEqual(['Deployment b', 'HTTPRoute c', 'Service a', 'Unknown d']);
  expect(nothing).toEqual({ valid: 0, faults: [] });
});
