import { configDefaults, defineConfig } from 'vitest/config';

/**
 * Specs that need more than Node: `*.engine.spec.ts` a real Kafka or MongoDB (RUN_ENGINES=1, `npm run test:engines`),
 * `*.cluster.spec.ts` Helm or another program that Go builds (RUN_CLUSTER=1, `npm run test:cluster`), `*.installed.spec.ts` a running
 * cluster (RUN_INSTALLED=1, inside `e2e/cluster/run`; `npm run test:cluster`). Each runs alone.
 */
const KINDS = { engine: 'test-report.engines.json', cluster: 'test-report.cluster.json', installed: 'test-report.installed.json' };
const kind = process.env.RUN_INSTALLED === '1' ? 'installed' : process.env.RUN_CLUSTER === '1' ? 'cluster' : process.env.RUN_ENGINES === '1' ? 'engine' : undefined;
const report = process.env.TEST_REPORT ?? KINDS[kind] ?? 'test-report.json';

/**
 * The one vitest configuration. Projects resolve each other's sources (no build needed), decorators are compiled as tsc
 * does it, and every run leaves a `test-report.json` (engines: `test-report.engines.json`) from which the scripts of `.ci`
 * count and name the slowest.
 */
export function configure(overrides = {}) {
  return defineConfig({
    resolve: { conditions: ['@provider-access/source'] },
    ssr: { resolve: { conditions: ['@provider-access/source'], externalConditions: ['@provider-access/source'] } },
    oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
    test: {
      include: ['src', 'test'].map((folder) => `${folder}/**/*${kind === undefined ? '' : `.${kind}`}.spec.ts`),
      exclude: kind === undefined ? [...configDefaults.exclude, ...Object.keys(KINDS).map((each) => `**/*.${each}.spec.ts`)] : configDefaults.exclude,
      // A project may have specs of one of the kinds only.
      passWithNoTests: kind !== undefined,
      maxWorkers: 2,
      // Bounds for a machine that does four other things beside: a test ends when its condition holds, not when time is over.
      testTimeout: 120_000,
      hookTimeout: 120_000,
      expect: { poll: { timeout: 60_000, interval: 20 } },
      execArgv: ['--conditions=@provider-access/source'],
      // What is kept of a long run is the message: with 40 characters, as it is without this, it does not say what was found.
      chaiConfig: { truncateThreshold: 400 },
      reporters: process.env.VITEST_REPORTER ? [process.env.VITEST_REPORTER] : ['default', ['json', { outputFile: report }]],
      ...overrides,
    },
  });
}
