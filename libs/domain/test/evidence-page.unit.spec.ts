import { expect, test } from 'vitest';
import { evidencePage } from './evidence-page.ts';

test('docs/evidence.md is current (npm run evidence-page writes it)', async () => {
  await expect(evidencePage()).toMatchFileSnapshot('../../../docs/evidence.md');
});
