import { configure, longSuite, specs, suite } from '../.ci/vitest.base.mjs';

/** They pack `pa`, which many scenarios start, and find the modules of the platform once for all its starts. */
const [PACKED_PA, RESOLUTIONS, WARM] = ['packed-pa', 'resolutions', 'warm/hosts'].map(
  (name) => `${import.meta.dirname}/src/${name}.ts`,
);
const SET_UP = [PACKED_PA, RESOLUTIONS];
/**
 * Each file has processes of its own, so one file runs at a time, and starting them takes a while on a busy machine.
 */
const alone = { globalSetup: SET_UP, testTimeout: 300_000, hookTimeout: 600_000, fileParallelism: false };
const scenarios = (...names) => names.map((name) => `src/${name}.e2e.spec.ts`);
/**
 * The demo and the sample of every metric are about the standalone; the image and foreign data are the same on either
 * deployment.
 */
const STANDALONE_ONLY = [
  'src/demo.e2e.spec.ts',
  'src/disk-full.e2e.spec.ts',
  'src/stray-rejection.e2e.spec.ts',
  'src/metrics.e2e.spec.ts',
  'src/start.e2e.spec.ts',
  'src/foreign-*.e2e.spec.ts',
  // A thousand random files; the suite `long` has them.
  'src/full-files-foreseen.e2e.spec.ts',
  'src/image/**',
  'src/bench/**',
];
/** These depend on nothing but HTTP. */
const HTTP_ONLY = [
  ...scenarios(
    'opt-out',
    'opt-out-answers',
    'isolation',
    'download',
    'cli',
    'cli-usage',
    'bad-input',
    'too-much-input',
  ),
  'src/road.world.spec.ts',
];

/** Counts, and one fault of each kind on one deployment. Every other `*.engine.spec.ts` runs in a long suite. */
const ENGINES = ['src/idle.engine.spec.ts', 'src/faults.engine.spec.ts'];
const OUTAGES = ['src/engines-away.engine.spec.ts', 'src/backup.engine.spec.ts', 'src/kafka/**/*.engine.spec.ts'];
/** With `variant.long` they do what `.ci/run` has no time for. */
const MORE_OF = [
  ...['demo.e2e', 'metrics.e2e', 'search.e2e', 'full-files-foreseen.e2e', 'bench/standalone.e2e'],
  ...['site.program', 'pa-forms.program', 'image/roles.program'],
];

export default configure({
  projects: [
    // Scenarios wait for processes half of the time.
    suite('npm', specs('unit', 'e2e', 'chart'), { globalSetup: [...SET_UP, WARM], maxWorkers: 3, isolate: false }),
    // Checks of the repository itself. They read every file, so any change runs them again.
    suite('house', specs('house'), { isolate: false }),
    suite('engines', ENGINES, {
      ...alone,
      globalSetup: RESOLUTIONS,
      isolate: false,
      variant: { deployment: 'processes' },
    }),
    // They share one deployment, which the set-up starts, and the modules that they load. Each is about several
    // processes; `processes` has the other scenarios.
    suite('world', [...scenarios('opt-out', 'isolation', 'telemetry/phi', 'telemetry/trace'), ...specs('world')], {
      ...alone,
      globalSetup: [RESOLUTIONS, `${import.meta.dirname}/src/world/setup.ts`],
      isolate: false,
      variant: { deployment: 'processes' },
    }),
    suite('programs', specs('program'), alone),
    longSuite('long', [...specs('long'), ...MORE_OF.map((file) => `src/${file}.spec.ts`)], {
      ...alone,
      // They need packages and a validator, and have a suite of their own.
      exclude: ['**/faults-of-*', 'src/foreign-*'],
    }),
    longSuite('processes', [...specs('e2e', 'world'), 'src/idle.engine.spec.ts'], {
      ...alone,
      exclude: STANDALONE_ONLY,
      // Five of them hit the five phases of an export.
      variant: { deployment: 'processes', kills: 10 },
    }),
    longSuite('kills', ['src/crash.e2e.spec.ts'], { ...alone, variant: { kills: 100 } }),
    longSuite('engine-kills', ['src/kill.engine.spec.ts'], {
      ...alone,
      variant: { deployment: 'processes', kills: 20 },
    }),
    longSuite('outages', OUTAGES, { ...alone, variant: { deployment: 'processes' } }),
    longSuite('rolls', ['src/roll.engine.spec.ts'], { ...alone, variant: { deployment: 'processes' } }),
    longSuite('model-processes', ['src/model/promises.engine.spec.ts'], {
      ...alone,
      variant: { deployment: 'processes' },
    }),
    // Two worlds side by side: an alert mostly waits.
    longSuite('alerts', ['src/watch/faults-of-*.spec.ts'], { ...alone, fileParallelism: true }),
    longSuite('cluster', specs('installed'), { ...alone, testTimeout: 600_000, variant: { deployment: 'cluster' } }),
    longSuite('scenarios', HTTP_ONLY, { ...alone, variant: { deployment: 'cluster' } }),
    longSuite('foreign', [...scenarios('foreign-*'), 'src/foreign-*.long.spec.ts'], alone),
  ],
});
