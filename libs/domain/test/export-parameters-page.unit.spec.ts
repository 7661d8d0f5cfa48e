import { expect, test } from 'vitest';
import { exportParametersPage } from './export-parameters-page.ts';

test('docs/export-parameters.md is current (npm run export-parameters-page writes it)', async () => {
  await expect(exportParametersPage()).toMatchFileSnapshot('../../../docs/export-parameters.md');
});
