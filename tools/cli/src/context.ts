import type { Command } from 'commander';
import { readApp, readKey, roleToken } from './client/credentials.ts';
import { Server } from './client/server.ts';
import { TokenSource } from './client/token.ts';
import { CliError, createOutput, EXIT, type Output } from './output.ts';

interface GlobalOptions {
  readonly server: string;
  readonly json: boolean;
  readonly dataDir: string;
}

/** The input of every command: the platform, the output, and the credentials. */
export interface Context {
  readonly server: Server;
  readonly out: Output;
  payerToken(): string;
  administratorToken(): string;
  /** For questions that make an answer better and are not needed for it. */
  administratorTokenIfAny(): string | undefined;
}

export function contextOf(command: Command): Context {
  const options = command.optsWithGlobals<GlobalOptions & AppOptions>();
  // An app belongs to the platform where it was registered, unless the command names another one.
  const named =
    command.getOptionValueSourceWithGlobals('server') !== 'default' || process.env['PA_SERVER'] !== undefined;
  return {
    server: new Server(!named && options.app !== undefined ? readApp(options.app).server : options.server),
    out: createOutput(options.json),
    payerToken: () => roleToken('payer', options.dataDir),
    administratorToken: () => roleToken('administrator', options.dataDir),
    administratorTokenIfAny: () => {
      try {
        return roleToken('administrator', options.dataDir);
      } catch {
        return undefined;
      }
    },
  };
}

export interface AppOptions {
  readonly app?: string;
  readonly client?: string;
  readonly key?: string;
  readonly scope?: string;
}
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
    .option('--scope <scopes>', 'scopes to ask for');
}
