import { readProfilePolicy } from '@provider-access/domain/pdex/feeds';
import { policyFile } from './policy-file.ts';

/** What intake does with resources that lack what a declared profile asks for. */
export const profilesEnv = {
  PROFILE_POLICY_FILE: policyFile(readProfilePolicy)
    .optional()
    .describe(
      'A JSON file with rules by profile: `refuse`, `unmark` or `keep` a resource that lacks what the profile asks ' +
        'for (`docs/feeds.md`). Without it every such profile is unmarked. It is read at the start.',
    ),
};
