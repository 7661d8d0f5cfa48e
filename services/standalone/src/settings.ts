import {
  ConfigurationError,
  listenFaults,
  misspelled,
  readConfig,
  refuse,
  SHARED_VARIABLES,
  telemetryFaults,
} from '@provider-access/service/config';
import { SERVICES } from '@provider-access/events';
import { standaloneConfig, type StandaloneConfig } from './config.ts';
import { ALL, envOf } from './services.ts';

const namesOf = (name: Parameters<typeof envOf>[0]): string[] => envOf(name).map((variable) => variable.name);
const READ = namesOf('standalone');
/** Variables of separate services that have no meaning here. */
const IGNORED = [...new Set([...SERVICES.flatMap(namesOf), ...SHARED_VARIABLES])].filter(
  (name) => !READ.includes(name),
);

/** A sentence for the variables that are set and that `npm start` would ignore. */
function ignored(env: NodeJS.ProcessEnv): string[] {
  const set = IGNORED.filter((name) => env[name] !== undefined && env[name] !== '');
  if (set.length === 0) return [];
  return [
    `${set.join(', ')}: ${set.length === 1 ? 'has' : 'have'} no effect in npm start, which keeps everything in ` +
      'DATA_DIR; unset it, or run the services as processes of their own (docs/deployment.md)',
  ];
}

/** The settings of `npm start`: the environment, and `--sandbox` for `SANDBOX=true`. @throws ConfigurationError */
export function settings(args: readonly string[], env: NodeJS.ProcessEnv): StandaloneConfig {
  const unknown = args.filter((arg) => arg !== '--sandbox');
  if (unknown.length > 0)
    throw new ConfigurationError(
      `${unknown.join(' ')}: is not known here; \`npm start\` takes --sandbox, and variables (docs/configuration.md)`,
    );
  refuse([...misspelled(env, READ), ...ignored(env)]);
  // The services read their own variables from the environment.
  if (args.length > 0) env['SANDBOX'] = 'true';
  const config = readConfig(standaloneConfig, env);
  // A wrong value ends the start before it touches the data folder.
  for (const service of ALL)
    readConfig(service.settings, { ...env, PUBLIC_URL: config.PUBLIC_URL ?? 'http://127.0.0.1' });
  refuse([...listenFaults(config), ...telemetryFaults(config)]);
  // The reviewer of a sandbox asks twice a second, and people look for the clients in these lines.
  return config.SANDBOX && env['REQUEST_LOG'] === undefined ? { ...config, REQUEST_LOG: false } : config;
}
