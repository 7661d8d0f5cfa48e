import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { template } from './helm.ts';
import { CHART } from './paths.ts';

const EXAMPLES = join(CHART, 'examples');
/** Names of the examples: each is a folder with values.yaml and its result, rendered.yaml. */
export const EXAMPLE_NAMES = readdirSync(EXAMPLES, { withFileTypes: true })
  .filter((each) => each.isDirectory())
  .map(({ name }) => name);
export const exampleValues = (name: string): string => join(EXAMPLES, name, 'values.yaml');
export const exampleRendered = (name: string): string => join(EXAMPLES, name, 'rendered.yaml');

/** Removes the content of files that the chart has as files of their own. */
function withoutFiles(text: string): string {
  return text
    .replace(/^( {2}([a-z-]+)\.json: ).+$/gm, '$1"(files/dashboards/$2.json)"')
    .replace(
      /(kind: PrometheusRule\nmetadata:\n {2}name: \S*?-(service-levels|\w+)\n(?: .*\n)*?)spec:.*\n(?: .*\n|\n(?= ))*/g,
      '$1spec: {} # (files/alerts/$2.yaml)\n',
    )
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** An example in the form that is checked in. @throws if Helm refuses its values */
export async function renderExample(name: string): Promise<string> {
  const { ok, text, errors } = await template([exampleValues(name)]);
  if (!ok) throw new Error(errors);
  return (
    '# Rendered from values.yaml beside it (npm run chart): helm template provider-access ../.. -n provider-access ' +
    `-f values.yaml\n${withoutFiles(text)}`
  );
}

if (import.meta.main) for (const name of EXAMPLE_NAMES) writeFileSync(exampleRendered(name), await renderExample(name));

export const rendered = (name: string): string => readFileSync(exampleRendered(name), 'utf8');
