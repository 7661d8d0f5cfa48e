import { expect, test } from 'vitest';
import { topicsPage } from './topics-page.ts';

test('docs/topics.md is current (npm run topics-page writes it)', async () => {
  await expect(topicsPage()).toMatchFileSnapshot('../../../docs/topics.md');
});
