import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GENERATED } from './generate.ts';
import { CHART } from './paths.ts';

test.each(Object.entries(GENERATED))('%s of the chart is current (npm run chart writes it)', (file, text) => {
  expect(readFileSync(join(CHART, file), 'utf8')).toBe(text());
});
