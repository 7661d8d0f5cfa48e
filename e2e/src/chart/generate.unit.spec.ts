import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { GENERATED } from './generate.ts';
import { CHART, configuration, SERVICES } from './paths.ts';
import { wordsOfReadme } from './readme.ts';
import { refusals, valuesSchema } from './schema.ts';
import { at, defaultValues, valueRows } from './values.ts';

test.each(Object.entries(GENERATED))('%s of the chart is current (npm run chart writes it)', (file, text) => {
  expect(readFileSync(join(CHART, file), 'utf8')).toBe(text());
});

test('the README of the chart has 350 words at most besides its table', () => {
  expect(wordsOfReadme()).toBeLessThanOrEqual(350);
});

const DEFAULTS = defaultValues();
interface Node {
  type?: string | string[];
  properties?: Record<string, Node>;
  additionalProperties?: unknown;
  $ref?: string;
}
const schema = JSON.parse(valuesSchema()) as Node;
const nodes = (node: Node, path: string): [string, Node][] => [
  [path, node],
  ...Object.entries(node.properties ?? {}).flatMap(([name, each]) => nodes(each, `${path}.${name}`)),
];

test('every map of the schema is closed', () => {
  expect(
    nodes(schema, '')
      .filter(([, node]) => node.properties !== undefined && node.additionalProperties !== false)
      .map(([path]) => path),
  ).toEqual([]);
});

test('every value has a comment, and every default is what its schema wants', () => {
  const described = new Set(valueRows().map(({ path }) => path));
  expect(described.size).toBeGreaterThan(150);
  for (const path of described) expect(at(DEFAULTS, path), path).not.toBeUndefined();
});

test.each(SERVICES)('config takes the variables of %s and no others', (service) => {
  const own = schema.properties!['services']!.properties![service]!.properties!['config']!.properties!;
  const variables = configuration()[service]!.map(({ name }) => name);
  expect(Object.keys(own).toSorted()).toEqual(variables.toSorted());
  for (const name of Object.keys(own)) expect(schema.properties!['config']!.properties).toHaveProperty(name);
});

test('whatever is named instead of something refused is a value that exists', () => {
  const owned = parse(readFileSync(join(CHART, 'files/owned.yaml'), 'utf8')) as { typed: Record<string, string> };
  const { secrets, renamed } = refusals();
  const named = [...Object.values(owned.typed), ...Object.values(secrets), ...Object.values(renamed)].flatMap((text) =>
    text.split(' or '),
  );
  const exists = (path: string): boolean =>
    (path === 'secrets.<name>.secretName'
      ? ['secrets.payerTokens.secretName']
      : SERVICES.map((name) => path.replace('<name>', name))
    ).every((each) => at(DEFAULTS, each) !== undefined);
  expect(named.length).toBeGreaterThan(80);
  expect(named.filter((path) => !exists(path))).toEqual([]);
});
