import { type ProfilePolicy, readProfilePolicy } from '@provider-access/domain/pdex/feeds';
import type { z } from 'zod';
import { ConfigurationError } from './read-config.ts';
import { faultsOfFile, readPublicFile } from './secret-file.ts';
import { path } from './values.ts';

const VARIABLE = 'PROFILE_POLICY_FILE';

/** What intake does with resources that lack what a declared profile asks for. */
export const profilesEnv = {
  [VARIABLE]: path
    .optional()
    .describe(
      'A JSON file with rules by profile: `refuse`, `unmark` or `keep` a resource that lacks what the profile asks ' +
        'for (`docs/feeds.md`). Without it every such profile is unmarked. It is read at the start.',
    ),
};

/** The faults of the policy file as sentences, for checks that collect them. */
export function profileFaults(env: Readonly<Record<string, unknown>>): readonly string[] {
  const file = env[VARIABLE];
  return faultsOfFile(VARIABLE, typeof file === 'string' ? file : undefined, readPolicy);
}

/** @throws ConfigurationError if the file cannot be used */
export const profilePolicy = (env: z.infer<z.ZodObject<typeof profilesEnv>>): ProfilePolicy =>
  env[VARIABLE] === undefined ? {} : readPolicy(VARIABLE, env[VARIABLE]);

function readPolicy(variable: string, file: string): ProfilePolicy {
  const reading = readProfilePolicy(readPublicFile(variable, file));
  if (!reading.ok) throw new ConfigurationError(`${variable}: ${reading.fault}`);
  return reading.policy;
}
