import { configure, longSuite, specs, suite } from '../../.ci/vitest.base.mjs';

/** Pages in Chromium, on the standalone. Files share the modules that they load, a browser, and mostly a platform. */
const PAGES = ['e2e/**/*.e2e.spec.ts'];
const oneAtATime = {
  globalSetup: [`${import.meta.dirname}/e2e/shared.ts`],
  testTimeout: 300_000,
  hookTimeout: 600_000,
  fileParallelism: false,
  isolate: false,
};

export default configure({
  projects: [
    suite('npm', specs('unit'), { maxWorkers: 1 }),
    suite('browser', PAGES, oneAtATime),
    // The same in each pair of theme and width.
    longSuite('looks', PAGES, oneAtATime),
  ],
});
