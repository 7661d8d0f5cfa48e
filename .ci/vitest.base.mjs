import { defineConfig } from 'vitest/config';

/**
 * The one vitest configuration. Projects resolve each other's sources (no build needed), decorators are compiled as tsc
 * does it, and every run leaves a `test-report.json` from which `.ci/test.mjs` counts and names the slowest.
 */
export function configure(overrides = {}) {
  return defineConfig({
    resolve: { conditions: ['@provider-access/source'] },
    ssr: { resolve: { conditions: ['@provider-access/source'], externalConditions: ['@provider-access/source'] } },
    oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
    test: {
      include: ['src/**/*.spec.ts', 'test/**/*.spec.ts'],
      passWithNoTests: false,
      maxWorkers: 2,
      testTimeout: 30_000,
      hookTimeout: 60_000,
      execArgv: ['--conditions=@provider-access/source'],
      reporters: process.env.VITEST_REPORTER ? [process.env.VITEST_REPORTER] : ['default', ['json', { outputFile: 'test-report.json' }]],
      ...overrides,
    },
  });
}
