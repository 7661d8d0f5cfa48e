import { configDefaults, defineConfig } from 'vitest/config';

/** `*.engine.spec.ts` need a real Kafka or MongoDB: RUN_ENGINES=1 (`npm run test:engines`) runs them and nothing else. */
const engines = process.env.RUN_ENGINES === '1';
const report = process.env.TEST_REPORT ?? (engines ? 'test-report.engines.json' : 'test-report.json');

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
      include: engines ? ['src/**/*.engine.spec.ts', 'test/**/*.engine.spec.ts'] : ['src/**/*.spec.ts', 'test/**/*.spec.ts'],
      exclude: engines ? configDefaults.exclude : [...configDefaults.exclude, '**/*.engine.spec.ts'],
      // A project may have specs of one of the two kinds only.
      passWithNoTests: engines,
      maxWorkers: 2,
      testTimeout: 30_000,
      hookTimeout: 60_000,
      execArgv: ['--conditions=@provider-access/source'],
      reporters: process.env.VITEST_REPORTER ? [process.env.VITEST_REPORTER] : ['default', ['json', { outputFile: report }]],
      ...overrides,
    },
  });
}
