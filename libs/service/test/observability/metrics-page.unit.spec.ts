import { expect, test } from 'vitest';
import { metricsPage, metricsText } from './metrics-page.ts';

test('docs/metrics.json is current (npm run metrics-page writes it)', async () => {
  await expect(metricsPage()).toMatchFileSnapshot('../../../../docs/metrics.json');
});
test('docs/metrics.md is current (npm run metrics-page writes it)', async () => {
  await expect(metricsText()).toMatchFileSnapshot('../../../../docs/metrics.md');
});
