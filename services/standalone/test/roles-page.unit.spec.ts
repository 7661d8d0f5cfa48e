import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { operations } from '../scripts/openapi.ts';
import { PAGE, page } from '../scripts/roles-page.ts';

// After a change: `npm run roles-page -w @provider-access/standalone`.
test('docs/roles.md is what the operations say', async () => {
  expect(readFileSync(PAGE, 'utf8')).toBe(page(await operations('src')));
});
