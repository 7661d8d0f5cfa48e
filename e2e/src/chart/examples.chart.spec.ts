import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, describe, test } from 'vitest';
import { describeUnless } from '../describe-unless.ts';
import { EXAMPLE_NAMES, exampleValues, rendered, renderExample } from './examples.ts';
import { noHelm } from '@provider-access/cluster/programs';
import { objectsOf, render, template } from './helm.ts';
import { ROOT } from './paths.ts';

test('the examples are those that the docs name', () => {
  expect(EXAMPLE_NAMES.toSorted()).toEqual(['everything', 'gateway', 'production', 'small']);
});

describeUnless(noHelm, 'examples of the chart', () => {
  describe.each(EXAMPLE_NAMES)('the example %s', (name) => {
    test('is what its values become (npm run chart writes it)', async () => {
      expect(rendered(name)).toBe(await renderExample(name));
    });

    test('names every object once, and each within 63 characters', async () => {
      const names = (await render([exampleValues(name)])).map(({ kind, metadata }) => `${kind}/${metadata.name}`);
      expect(new Set(names).size).toBe(names.length);
      expect(names.filter((each) => each.split('/')[1]!.length > 63)).toEqual([]);
    });
  });

  test('alerts link to the runbooks that the release serves, or to a copy of the payer', async () => {
    const links = async (over: object): Promise<string[]> =>
      (await render([exampleValues('small'), { monitoring: { rules: { enabled: true, ...over } } }]))
        .filter(({ kind }) => kind === 'PrometheusRule')
        .flatMap((object) => [...JSON.stringify(object).matchAll(/"runbook_url":"([^"]+)"/g)].map(([, url]) => url!));
    const runbooks = readdirSync(join(ROOT, 'docs/runbooks')).map((file) => file.replace(/\.md$/, ''));
    const pages = (prefix: string, ending: string): Set<string> =>
      new Set(runbooks.map((name) => `${prefix}${name}${ending}`));
    const [own, copied] = [await links({}), await links({ runbookBaseUrl: 'https://wiki.example/runbooks/' })];
    expect(own.length).toBeGreaterThan(20);
    expect(own.filter((url) => !pages('https://fhir.payer.example/docs/runbooks/', '.html').has(url))).toEqual([]);
    expect(copied.filter((url) => !pages('https://wiki.example/runbooks/', '.md').has(url))).toEqual([]);
    expect(copied).toHaveLength(own.length);
  });

  test('the longest release name that Helm takes still makes valid names', async () => {
    const { text } = await template([exampleValues('everything'), { fullnameOverride: '', nameOverride: '' }], {
      release: 'r'.repeat(53),
    });
    const objects = objectsOf(text);
    expect(objects.length).toBeGreaterThan(50);
    expect(objects.filter(({ metadata }) => metadata.name.length > 63).map(({ metadata }) => metadata.name)).toEqual(
      [],
    );
    expect(
      objects.flatMap(({ metadata }) => Object.values(metadata.labels ?? {})).filter((value) => value.length > 63),
    ).toEqual([]);
  });
});
