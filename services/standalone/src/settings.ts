import { ConfigurationError, misspelled, readConfig, refuse } from '@provider-access/service/config';
import { standaloneConfig, type StandaloneConfig } from './config.ts';
import { envOf } from './environment.ts';

/** The settings of `npm start`: the environment, and `--sandbox` for `SANDBOX=true`. @throws ConfigurationError */
export function settings(args: readonly string[], env: NodeJS.ProcessEnv): StandaloneConfig {
  const unknown = args.filter((arg) => arg !== '--sandbox');
  if (unknown.length > 0)
    throw new ConfigurationError(
      `${unknown.join(' ')}: is not known here; \`npm start\` takes --sandbox, and variables (docs/configuration.md)`,
    );
  refuse(
    misspelled(
      env,
      envOf('standalone').map(({ name }) => name),
    ),
  );
  // The services read their own variables from the environment.
  if (args.length > 0) env['SANDBOX'] = 'true';
  const config = readConfig(standaloneConfig, env);
  // The reviewer of a sandbox asks twice a second, and people look for the clients in these lines.
  return config.SANDBOX && env['REQUEST_LOG'] === undefined ? { ...config, REQUEST_LOG: false } : config;
}
