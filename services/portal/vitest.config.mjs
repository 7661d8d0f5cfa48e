import { configure, specs, suite } from '../../.ci/vitest.base.mjs';

export default configure({
  projects: [
    suite('npm', specs('unit'), { maxWorkers: 1 }),
    // Pages in Chromium, on the standalone. One browser and one platform at a time.
    suite('browser', ['e2e/**/*.e2e.spec.ts'], { testTimeout: 300_000, hookTimeout: 600_000, fileParallelism: false }),
  ],
});
