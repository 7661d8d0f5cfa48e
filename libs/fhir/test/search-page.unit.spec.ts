import { expect, test } from 'vitest';
import { searchPage } from './search-page.ts';

test('docs/search.md is current (npm run search-page writes it)', async () => {
  await expect(searchPage()).toMatchFileSnapshot('../../../docs/search.md');
});
