import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { exampleValues } from './examples.ts';
import { CHART } from './paths.ts';

type Secrets = Record<string, { secretName?: string; key?: string }>;
const valuesIn = (file: string): { secrets: Secrets } => parse(readFileSync(file, 'utf8')) as { secrets: Secrets };

test('the README of the chart creates the Secrets that the smallest example names, with their keys', () => {
  const readme = readFileSync(join(CHART, 'README.md'), 'utf8').replaceAll('\\\n', ' ');
  const created = [...readme.matchAll(/create secret generic (\S+)(.*)/g)].flatMap(([, name, rest]) =>
    [...rest!.matchAll(/--from-file=(\S+)/g)].map(([, key]) => `${name}/${key}`),
  );
  const defaults = valuesIn(join(CHART, 'values.yaml')).secrets;
  const needed = Object.entries(valuesIn(exampleValues('small')).secrets).map(
    ([of, { secretName, key }]) => `${secretName}/${key ?? defaults[of]!.key}`,
  );
  expect(needed.length).toBeGreaterThan(4);
  expect(created.toSorted()).toEqual(needed.toSorted());
});
