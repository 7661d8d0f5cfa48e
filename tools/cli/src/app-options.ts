import { MAX_SCOPE_LENGTH, registrable } from '@provider-access/domain/smart';
import type { Command } from 'commander';
import { readApp, readKey } from './client/credentials.ts';
import { TokenSource } from './client/token.ts';
import type { AppOptions, Context } from './context.ts';
import { refuse } from './options.ts';
import { CliError, EXIT } from './output.ts';

/** The options that name a provider's app. Commands without them do not pay for the tables of types and searches. */

/** Scopes for a provider's app. The server would leave out one that it does not know, without a word. */
export const scopes = (value: string): string => {
  if (value.length > MAX_SCOPE_LENGTH) refuse(`--scope is longer than ${MAX_SCOPE_LENGTH} characters`);
  const all = value.split(' ').filter((one) => one !== '');
  const impossible = all.find((one) => registrable(one) === '');
  if (impossible !== undefined)
    refuse(
      `--scope ${impossible} is no scope that the platform grants: give system/TYPE.rs for a type that it serves, ` +
        'such as system/Patient.rs, or system/*.rs for all types',
    );
  return all.length === 0 ? refuse('--scope is empty') : all.join(' ');
};

export const DEFAULT_SCOPE = 'system/*.rs';

/** A provider's credentials: `--app FILE` as written by `pa apps register`, or `--client` with `--key`. */
export function appOf(options: AppOptions): { clientId: string; key: ReturnType<typeof readKey>; scope: string } {
  if (options.app !== undefined) {
    const app = readApp(options.app);
    return { clientId: app.client_id, key: readKey(options.key ?? app.key), scope: options.scope ?? app.scope };
  }
  if (options.client === undefined || options.key === undefined)
    throw new CliError(
      EXIT.usage,
      'name the app: --app FILE (written by `pa apps register`), or --client ID with --key FILE',
    );
  return { clientId: options.client, key: readKey(options.key), scope: options.scope ?? DEFAULT_SCOPE };
}

export const tokenSource = (context: Context, options: AppOptions): TokenSource =>
  new TokenSource(context.server, appOf(options));

/** Adds the options that name an app. */
export function withApp(command: Command): Command {
  return command
    .option('--app <file>', 'the app, as `pa apps register --out` wrote it')
    .option('--client <id>', 'client id, instead of --app')
    .option('--key <file>', 'private JWK of the app')
    .option('--scope <scopes>', 'scopes to ask for', scopes);
}
