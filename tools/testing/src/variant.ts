import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** The platform of the e2e scenarios: one process, one process for each service, or the installed chart. */
    deployment: 'standalone' | 'processes' | 'cluster';
    /** How many times a spec about crashes kills the platform. */
    kills: number;
    /**
     * Seed of every random choice. It is fixed in `npm test` and `.ci/run`; the long suites draw and print a new one.
     */
    seed: number;
    /** True in the suites of `npm run test:long`, which try more cases than `.ci/run` has time for. */
    long: boolean;
  }
}

/** The values of this spec's suite (`.ci/vitest.base.mjs`, `e2e/vitest.config.mjs`). */
export const variant = {
  deployment: inject('deployment'),
  kills: inject('kills'),
  seed: inject('seed'),
  long: inject('long'),
};

/** The number of cases of a property test that names its own: twenty times as many in the long suites. */
export const cases = (count: number): number => (variant.long ? 20 * count : count);
