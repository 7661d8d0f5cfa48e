import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { CliError, EXIT } from '../output.ts';
import { ownFolder } from './own-folder.ts';

export interface Profile {
  readonly server: string;
  /** Where the tokens of this platform are; absent for the default. */
  readonly dataDir?: string;
}
export interface Profiles {
  readonly current?: string;
  readonly profiles: Readonly<Record<string, Profile>>;
}

/** A file of the user. It names platforms and holds no secret. */
const profilesFile = (): string =>
  join(process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'provider-access', 'profiles.json');

export function readProfiles(): Profiles {
  const file = profilesFile();
  if (!existsSync(file)) return { profiles: {} };
  try {
    const { current, profiles } = JSON.parse(readFileSync(file, 'utf8')) as Profiles;
    return { ...(current !== undefined && { current }), profiles: { ...profiles } };
  } catch {
    throw new CliError(EXIT.usage, `${file} cannot be read: correct or delete it`);
  }
}
export function writeProfiles(profiles: Profiles): void {
  const file = profilesFile();
  ownFolder(dirname(file), 0o700);
  writeFileSync(`${file}.new`, `${JSON.stringify(profiles, null, 2)}\n`, { mode: 0o600 });
  chmodSync(`${file}.new`, 0o600);
  renameSync(`${file}.new`, file);
}

/** @throws CliError if no profile has this name */
export function profileNamed(name: string): Profile {
  const { profiles } = readProfiles();
  const found = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (found === undefined)
    throw new CliError(
      EXIT.usage,
      `there is no profile ${name}: \`pa profile list\` shows them, \`pa profile add\` adds one`,
    );
  return found;
}
/** The profile of `pa profile use`, if there is one. */
export function currentProfile(): Profile | undefined {
  const { current, profiles } = readProfiles();
  return current === undefined ? undefined : profiles[current];
}
