import { join } from 'node:path';
import type { Command } from 'commander';
import type { JWK } from 'jose';
import { readApp, readPortalKey, roleToken } from './client/credentials.ts';
import { currentProfile, profileNamed, type Profile } from './client/profiles.ts';
import { Server } from './client/server.ts';
import { createOutput, type Output } from './output.ts';

interface GlobalOptions {
  readonly server: string;
  readonly json: boolean;
  readonly dataDir: string;
  readonly profile?: string;
}

export interface AppOptions {
  readonly app?: string;
  readonly client?: string;
  readonly key?: string;
  readonly scope?: string;
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
