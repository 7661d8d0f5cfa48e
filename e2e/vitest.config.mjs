import { configure } from '../.ci/vitest.base.mjs';

const { E2E_DEPLOYMENT: deployment, RUN_ENGINES, RUN_CLUSTER, RUN_INSTALLED, WATCH_FAULTS } = process.env;
// Engines and seven processes take their time to come up on busy cores; one file at a time, since each has processes of its own.
const slow = { testTimeout: 120_000, hookTimeout: 300_000, fileParallelism: false };
const inCluster = { testTimeout: 300_000, hookTimeout: 420_000, fileParallelism: false };
const others = ['**/node_modules/**', '**/dist/**', '**/*.engine.spec.ts', '**/*.cluster.spec.ts', '**/*.installed.spec.ts', '**/*.unit.spec.ts'];
export default configure({
  ...(RUN_INSTALLED === '1' || deployment === 'cluster' ? inCluster : deployment === 'processes' || RUN_ENGINES === '1' || RUN_CLUSTER === '1' ? slow : {}),
  // Every alert by its fault: each file has a world of its own, and mostly waits.
  ...(RUN_CLUSTER === '1' && WATCH_FAULTS === '1' ? { include: ['src/watch/faults-of-*.cluster.spec.ts'], fileParallelism: true } : {}),
  // The demo is of the standalone, the samples of all metrics are looked for at one process, and image and house are the same either way.
  ...(deployment === 'processes' ? { exclude: [...others, '**/demo.e2e.spec.ts', '**/metrics.e2e.spec.ts', 'src/image/**'] } : {}),
  // Scenarios that depend on nothing but HTTP.
  ...(deployment === 'cluster' ? { include: ['opt-out', 'isolation', 'download', 'cli', 'bad-input'].map((name) => `src/${name}.e2e.spec.ts`), exclude: others } : {}),
});
