import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../chart/paths.ts';
import { PAGES_WITH_ROUTES, renewed } from './route-pages.ts';

test.each(PAGES_WITH_ROUTES)('%s has the routes of every deployment (npm run chart writes them)', (page) => {
  expect(readFileSync(join(ROOT, page), 'utf8')).toBe(renewed(page));
});
