import { type ProfilePolicy, readProfilePolicy } from '@provider-access/domain/pdex/feeds';
import type { z } from 'zod';
import { policyFile } from './policy-file.ts';
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

const file = policyFile(VARIABLE, readProfilePolicy);
export const profileFaults = file.faults;

/** @throws ConfigurationError if the file cannot be used */
export const profilePolicy = (env: z.infer<z.ZodObject<typeof profilesEnv>>): ProfilePolicy =>
  env[VARIABLE] === undefined ? {} : file.policy(env[VARIABLE]);
