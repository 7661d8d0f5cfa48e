import { configure } from '../.ci/vitest.base.mjs';

const separate = process.env.E2E_DEPLOYMENT === 'processes';
// Engines and seven processes take their time to come up on busy cores; one file at a time, since each has processes of its own.
const slow = { testTimeout: 120_000, hookTimeout: 300_000, fileParallelism: false };
export default configure({
  ...(separate || process.env.RUN_ENGINES === '1' || process.env.RUN_CLUSTER === '1' ? slow : {}),
  // The demo is of the standalone, and the house is the same either way.
  ...(separate ? { exclude: ['**/node_modules/**', '**/dist/**', '**/*.engine.spec.ts', '**/*.cluster.spec.ts', '**/demo.e2e.spec.ts', '**/*.unit.spec.ts'] } : {}),
});
