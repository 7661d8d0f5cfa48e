import { readFileSync } from 'node:fs';
import type { Task } from './task.ts';

const MAPS = new URL('../../../../libs/engines/test/state/map-rows.ts', import.meta.url);
const ENGINES = 'libs/engines';
const CONFIG = 'libs/service/src/config';

const exported = (port: string): string => `    "./${port}/trial": {
      "@provider-access/source": "./src/${port}/trial/index.ts",
      "types": "./dist/${port}/trial/index.d.ts",
      "default": "./dist/${port}/trial/index.js"
    },
    "./${port}/memory": {
`;

const VIEWS = `import { openMemoryViews } from '../memory/index.ts';
import type { Views } from '../port.ts';

/** Views of the embedded engine without a file, under the name of the trial. */
export const openTrialViews = (): Views => openMemoryViews();
`;

const CONTRACTS = `import { stateContract } from '../contract/index.ts';
import { openTrialState } from './index.ts';

stateContract('trial', async () => ({
  durable: false,
  open: async (options) => openTrialState(options),
  close: () => Promise.resolve(),
}));
`;

const ROW = `  trial: {
    title: 'the trial',
    system: 'trial',
    ports: ['views', 'state'],
    isChosen: (env) => env.TRIAL_ENGINE === true,
    faults: () => [],
    open: () => ({
      views: async () => (await import('@provider-access/engines/views/trial')).openTrialViews(),
      state: async (log) => (await import('@provider-access/engines/state/trial')).openTrialState({ log }),
    }),
    probe: ({ state }, service) => state.claims.get('health', service),
    mayBeAway: false,
    isRemote: true,
  },
`;

const WIRED = `import { openMemoryLog } from '@provider-access/engines/log/memory';
import { silentLogger } from '@provider-access/service/observability';
import { expect, test } from 'vitest';
import { openEngines } from './open-engines.ts';

test('the variable of the trial chooses its row for views and state', async () => {
  const env = { DATA_DIR: undefined, TRIAL_ENGINE: true, KAFKA_BROKERS: ['127.0.0.1:9'] };
  const { names, state, views } = openEngines('consent', env, undefined, silentLogger);
  expect(names).toEqual({ log: 'kafka', views: 'trial', state: 'trial' });
  const opened = await state(openMemoryLog());
  expect(await opened.claims.claim('n', 'k', 'o')).toBe('o');
  await opened.close();
  await (await views()).close();
});
`;

/** An engine for views and state. Its state is an engine of its own; its views are those of another one. */
export const ENGINE_TASK: Task = {
  name: 'an engine for views and state',
  files: 12,
  edits: [
    {
      file: `${ENGINES}/src/state/trial/index.ts`,
      text: readFileSync(MAPS, 'utf8')
        .replaceAll('../../src/state/', '../')
        .replaceAll('openMapState', 'openTrialState'),
    },
    { file: `${ENGINES}/src/state/trial/trial.unit.spec.ts`, text: CONTRACTS },
    { file: `${ENGINES}/src/views/trial/index.ts`, text: VIEWS },
    ...['state', 'views'].map((port) => ({
      file: `${ENGINES}/package.json`,
      find: `    "./${port}/memory": {\n`,
      replace: exported(port),
    })),
    {
      file: 'libs/service/src/observability/labels.ts',
      find: "export const ENGINE = ['kafka', ",
      replace: "export const ENGINE = ['trial', 'kafka', ",
    },
    {
      file: `${CONFIG}/trial.ts`,
      text: `import { flag } from './values.ts';

/** Whether a process uses the engine of the trial. */
export const trialEnv = { TRIAL_ENGINE: flag.optional().describe('\`true\`: views and state are those of the trial.') };
`,
    },
    {
      file: `${CONFIG}/process.ts`,
      find: "import { telemetryEnv } from './telemetry.ts';\n",
      replace: "import { telemetryEnv } from './telemetry.ts';\nimport { trialEnv } from './trial.ts';\n",
    },
    { file: `${CONFIG}/process.ts`, find: '...mongoEnv, ', replace: '...mongoEnv, ...trialEnv, ' },
    {
      file: 'libs/process/src/open-engines.ts',
      find: 'export const ENGINES = {\n',
      replace: `export const ENGINES = {\n${ROW}`,
    },
    { file: 'libs/process/src/trial.unit.spec.ts', text: WIRED },
  ],
  commands: [
    'npm run -w @provider-access/standalone configuration',
    'npm run chart',
    'npm run metrics-page -w @provider-access/service',
    'cd libs/engines && npx vitest run --project npm src/state/trial',
    'cd libs/process && npx vitest run --project npm src/trial src/open-engines',
    'grep -q TRIAL_ENGINE docs/configuration.md',
  ],
};
