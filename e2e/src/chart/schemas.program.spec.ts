import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { noGo } from '@provider-access/testing';
import { describeUnless } from '../describe-unless.ts';
import { exampleValues } from './examples.ts';
import { objectsOf, template } from './helm.ts';
import { kubeconform } from './kubeconform.ts';
import { ROOT } from './paths.ts';

/** How many objects each example has at least. An empty rendering is valid too, so the tests count. */
const AT_LEAST = { small: 35, gateway: 35, production: 45, everything: 50 } as const;
const DEV = join(ROOT, 'charts/examples/dev');
const manifest = (name: string): string => readFileSync(join(DEV, name), 'utf8');

describeUnless(noGo, 'what the chart renders', () => {
  test('kubeconform -strict finds no fault in the rendered examples', async () => {
    const names = Object.entries(AT_LEAST);
    const texts = await Promise.all(names.map(async ([name]) => (await template([exampleValues(name)])).text));
    const verdicts = await kubeconform(texts);
    for (const [i, [name, atLeast]] of names.entries()) {
      expect(verdicts[i]!.faults, name).toEqual([]);
      expect(verdicts[i]!.valid, name).toBe(objectsOf(texts[i]!).length);
      expect(verdicts[i]!.valid, name).toBeGreaterThanOrEqual(atLeast);
    }
  });

  test('the engines for a laptop have no fault that kubeconform -strict finds, nor has the chart on them', async () => {
    const { text } = await template([join(DEV, 'values.yaml')]);
    const verdicts = await kubeconform([manifest('kafka.yaml'), manifest('mongodb.yaml'), text]);
    expect(verdicts.map(({ faults }) => faults)).toEqual([[], [], []]);
    expect(verdicts.slice(0, 2).map(({ valid }) => valid)).toEqual([2, 3]);
    expect(verdicts[2]!.valid).toBeGreaterThan(20);
  });

  test('kubeconform finds an unknown kind, a wrong type, an unknown field, also of a foreign kind', async () => {
    const [verdict, nothing] = await kubeconform([
      [
        'apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { port: 1 }\n',
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: b }\nspec: { replicas: two, selector: {}, ' +
          'template: {} }\n',
        'apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: c }\nspec: { parentRef: [] }\n',
        'apiVersion: example.com/v1\nkind: Unknown\nmetadata: { name: d }\n',
      ].join('---\n'),
      '',
    ]);
    expect(verdict!.faults.map((fault) => fault.split(':')[0])).toEqual([
      'Deployment b',
      'HTTPRoute c',
      'Service a',
      'Unknown d',
    ]);
    expect(nothing).toEqual({ valid: 0, faults: [] });
  });
});
