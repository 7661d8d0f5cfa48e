import { join } from 'node:path';
import type { Command } from 'commander';
import type { JWK } from 'jose';
import { readApp, readKey, readPortalKey, roleToken } from './client/credentials.ts';
import { currentProfile, profileNamed, type Profile } from './client/profiles.ts';
import { Server } from './client/server.ts';
import { TokenSource } from './client/token.ts';
import { scopes } from './options.ts';
import { CliError, createOutput, EXIT, type Output } from './output.ts';

interface GlobalOptions {
  readonly server: string;
  readonly json: boolean;
  readonly dataDir: string;
  readonly profile?: string;
}

/** The input of every command: the platform, the output, and the credentials. */
export interface Context {
  readonly server: Server;
  readonly out: Output;
  payerToken(): string;
  administratorToken(): string;
  /** The private key of the payer's portal: of this file, or of `npm start` in its data folder. */
  portalKey(file: string | undefined): JWK;
  /** For questions that make an answer better and are not needed for it. */
  administratorTokenIfAny(): string | undefined;
}

/** The profile that counts: the one of --profile, or without --server and PA_SERVER that of PA_PROFILE or of `use`. */
function profileOf({ profile }: GlobalOptions, command: Command): Profile | undefined {
  if (command.getOptionValueSourceWithGlobals('server') !== 'default') return undefined;
  if (profile !== undefined) return profileNamed(profile);
  if (process.env['PA_SERVER'] !== undefined) return undefined;
  const named = process.env['PA_PROFILE'];
  return named === undefined || named === '' ? currentProfile() : profileNamed(named);
}
function serverOf(options: GlobalOptions & AppOptions, profile: Profile | undefined, named: boolean): string {
  const asked = options.profile !== undefined || (process.env['PA_PROFILE'] ?? '') !== '';
  if (profile !== undefined && asked) return profile.server;
  // An app belongs to the platform where it was registered, unless the command line or the environment names another.
  if (!named && options.app !== undefined) return readApp(options.app).server;
  return profile?.server ?? options.server;
}

/** URL of a page of the documentation that the platform of the command line serves. @param page for example `feeds` */
export const documentationOf = (command: Command, page: string): string =>
  `${command.optsWithGlobals<GlobalOptions>().server}/docs/${page}.html`;

export function contextOf(command: Command): Context {
  const options = command.optsWithGlobals<GlobalOptions & AppOptions>();
  const given = (name: string, variable: string): boolean =>
    command.getOptionValueSourceWithGlobals(name) !== 'default' || process.env[variable] !== undefined;
  const profile = profileOf(options, command);
  const dataDir = given('dataDir', 'DATA_DIR') ? options.dataDir : (profile?.dataDir ?? options.dataDir);
  return {
    server: new Server(serverOf(options, profile, given('server', 'PA_SERVER'))),
    out: createOutput(options.json),
    payerToken: () => roleToken('payer', dataDir),
    administratorToken: () => roleToken('administrator', dataDir),
    portalKey: (file = join(dataDir, 'member-portal-keys.json')) => readPortalKey(file),
    administratorTokenIfAny: () => {
      try {
        return roleToken('administrator', dataDir);
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
    .option('--scope <scopes>', 'scopes to ask for', scopes);
}
