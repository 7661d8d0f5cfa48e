import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHART } from './paths.ts';
import { routeTable } from './route-table.ts';
import { readme } from './readme.ts';
import { valuesSchema } from './schema.ts';
import { variablesFile } from './variables.ts';

/** The generated files of the chart, by path. Tests compare them; `npm run chart` writes them. */
export const GENERATED: Readonly<Record<string, () => string>> = {
  'files/variables.yaml': variablesFile,
  'values.schema.json': valuesSchema,
  'README.md': readme,
  'templates/_route-table.tpl': routeTable,
};

if (import.meta.main) for (const [file, text] of Object.entries(GENERATED)) writeFileSync(join(CHART, file), text());
