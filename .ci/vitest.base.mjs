import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * The one vitest configuration. Each vitest project is one suite of `docs/testing.md`: `vitest run --project NAME` runs
 * it, and `.ci/suite.mjs NAME` also leaves a report from which the runners count.
 */

/**
 * CI repeats a failure with the same inputs because its random seed never changes. The long suites draw another one
 * each time.
 */
const FIXED_SEED = 20_270_101;
export const seed = Number(process.env.TEST_SEED ?? FIXED_SEED);

/** Values that a spec reads with `inject` (types: tools/testing/src/variant.ts). */
const fixed = { deployment: 'standalone', kills: 2, seed: FIXED_SEED, long: false };

/** One suite: `overrides` are options of vitest, `variant` replaces values that its specs inject. */
export const suite = (name, include, { variant = {}, ...overrides } = {}) => ({
  extends: true,
  test: { name, include, provide: { ...fixed, ...variant }, ...overrides },
});
/** A suite of `npm run test:long`: random seeds, more cases. */
export const longSuite = (name, include, { variant = {}, ...overrides } = {}) =>
  suite(name, include, { variant: { seed, long: true, ...variant }, ...overrides });

export const specs = (...kinds) => kinds.flatMap((kind) => [`src/**/*.${kind}.spec.ts`, `test/**/*.${kind}.spec.ts`]);

/** The suites of a library or a service. */
const suites = [
  // The standalone runs beside the other packages and e2e (.ci/test.mjs), so each takes one worker. Its files share the
  // modules that they load: loading them for each file was half of the CPU time.
  suite('npm', specs('unit', 'int'), { maxWorkers: 1, isolate: false }),
  // They need the addresses of a real Kafka, MongoDB and S3 in the environment. They wait half of the time, and files
  // of a worker share a broker.
  suite('engines', specs('engine'), { maxWorkers: 3, isolate: false }),
  longSuite('long', specs('long')),
  // Random sequences for a quarter of an hour.
  longSuite('model', specs('model'), { testTimeout: 3_600_000 }),
  // Twenty times as many cases take twenty times as long.
  longSuite('properties', specs('unit', 'int'), { testTimeout: 1_200_000, isolate: false }),
];

/** Somebody may run vitest in a folder of a package. */
function packageOf(folder) {
  if (existsSync(join(folder, 'package.json'))) return folder;
  return dirname(folder) === folder ? process.cwd() : packageOf(dirname(folder));
}

/**
 * Packages resolve each other's sources, so that tests need no build; decorators are compiled as tsc does it.
 *
 * All packages have one root, because vitest keeps transformed modules for each root by itself: a library is
 * transformed once and not for each package that imports it. The text of a package's configuration is part of the key
 * too. A relative path in it would be relative to the repository.
 */
export function configure({ projects = suites, ...overrides } = {}) {
  const folder = packageOf(process.cwd());
  return defineConfig({
    root: join(import.meta.dirname, '..'),
    // When and how long each file ran.
    cacheDir: join(folder, 'node_modules/.vite'),
    resolve: { conditions: ['@provider-access/source'] },
    ssr: { resolve: { conditions: ['@provider-access/source'], externalConditions: ['@provider-access/source'] } },
    oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
    test: {
      dir: folder,
      // Without `--project`, vitest would run every suite, with engines and long ones.
      projects: process.argv.some((arg) => arg.startsWith('--project')) ? projects : projects.slice(0, 1),
      setupFiles: [`${import.meta.dirname}/vitest.setup.mjs`],
      maxWorkers: 2,
      // A busy machine is slow and not wrong: only a test that hangs reaches these limits.
      testTimeout: 120_000,
      hookTimeout: 120_000,
      expect: { poll: { timeout: 60_000, interval: 20 } },
      execArgv: ['--conditions=@provider-access/source'],
      // With vitest's default of 40 characters, the message of a failed assertion does not say what was found.
      chaiConfig: { truncateThreshold: 400 },
      ...overrides,
    },
  });
}
