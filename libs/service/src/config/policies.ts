import { PayerDays } from '@provider-access/domain/pdex/days';
import { readProfilePolicy } from '@provider-access/domain/pdex/feeds';
import {
  type CodeListFile,
  DEFAULT_LABEL_POLICY,
  type LabelPolicy,
  listsOf,
  type PolicyReading,
  readCodeList,
  readLabelPolicy,
  withDrugs,
  withListed,
} from '@provider-access/domain/pdex/labels';
import { readMatchPolicies } from '@provider-access/domain/pdex/match';
import { readNoticeSettings } from '@provider-access/domain/pdex/notices';
import { readReasons } from '@provider-access/domain/pdex/reasons';
import { instant } from '@provider-access/kernel';
import { dateRange } from '@provider-access/fhir';
import { z } from 'zod';
import { FileFault, fileAs, publicOf } from './secret-file.ts';
import { commaSeparated, flag } from './values.ts';

/** A variable that names a policy file, as the policy. */
const policyFile = <Policy>(read: (text: string) => PolicyReading<Policy>) =>
  fileAs((file) => {
    const reading = read(publicOf(file));
    if (!reading.ok) throw new FileFault(reading.fault);
    return reading.policy;
  });

/** A day that gives something begins where it begins last on earth. */
const ANYWHERE = new PayerDays();
const FROM = 'include-from:';
const DRUGS = 'must be exclude, or include-from: and a day such as include-from:2027-10-01';

/** Which security labels withhold a resource. Every service that reads records for a client or the payer has it. */
export const labelsEnv = {
  SECURITY_LABELS_FILE: policyFile(readLabelPolicy)
    .optional()
    .describe(
      'A JSON file with rules by security label, which change the built-in ones: `withhold`, `withhold line`, ' +
        '`withhold unless consented` or `release` (`docs/security-labels.md`). It is read at the start. Give ' +
        'attribution, resources and export the same file.',
    ),
  SENSITIVE_CODES_FILES: z
    .string()
    .transform((names, context): readonly CodeListFile[] => {
      try {
        return codeListsOf(names);
      } catch (error) {
        if (!(error instanceof FileFault)) throw error;
        context.addIssue({ code: 'custom', message: error.message });
        return z.NEVER;
      }
    })
    .optional()
    .describe(
      'JSON files with lists of sensitive codes, separated by commas (`docs/sensitive-data.md`). Resources with ' +
        'such a code get a security label. The files are added to the built-in list, or replace it. They are read at ' +
        'the start. Give attribution, resources and export the same files.',
    ),
  PRIOR_AUTH_DRUGS: z
    .string()
    .regex(/^(exclude|include-from:\d{4}-\d{2}-\d{2})$/, DRUGS)
    .refine((v) => v === 'exclude' || dateRange(v.slice(FROM.length)) !== undefined, DRUGS)
    .default('exclude')
    .describe(
      'Whether prior authorizations of drugs are served: `exclude`, or `include-from:2027-10-01` from the day on ' +
        'which a rule asks for them. The day begins at UTC-12. Give attribution, resources and export the same value.',
    ),
};

export function labelPolicy(env: z.infer<z.ZodObject<typeof labelsEnv>>): LabelPolicy {
  const { SECURITY_LABELS_FILE: policy = DEFAULT_LABEL_POLICY, PRIOR_AUTH_DRUGS: drugs } = env;
  const listed = withListed(policy, codeLists(env));
  return withDrugs(listed, drugs === 'exclude' ? drugs : instant(ANYWHERE.permitsFrom(drugs.slice(FROM.length))));
}

/** The lists of sensitive codes that are in force together. */
export const codeLists = (env: Pick<z.infer<z.ZodObject<typeof labelsEnv>>, 'SENSITIVE_CODES_FILES'>) =>
  listsOf(env.SENSITIVE_CODES_FILES ?? []);

/** @throws FileFault */
function contentOf(name: string, which: string): string {
  try {
    return publicOf(name);
  } catch (error) {
    throw error instanceof FileFault ? new FileFault(which + error.message) : error;
  }
}
/** @throws FileFault */
function codeListsOf(names: string): readonly CodeListFile[] {
  const files = names.split(',').map((name) => name.trim());
  const read = files.map((name, at) => {
    const which = files.length === 1 ? '' : `file ${at + 1} of ${files.length}: `;
    if (name === '') throw new FileFault(`${which}must be a path`);
    const reading = readCodeList(contentOf(name, which));
    if (!reading.ok) throw new FileFault(which + reading.fault);
    return reading.policy;
  });
  const taken = new Set<string>();
  for (const { list } of listsOf(read)) {
    if (taken.has(list)) throw new FileFault(`two lists have the name "${list}"`);
    taken.add(list);
  }
  return read;
}

/** What intake does with resources that lack what a declared profile asks for. */
export const profilesEnv = {
  PROFILE_POLICY_FILE: policyFile(readProfilePolicy)
    .optional()
    .describe(
      'A JSON file with rules by profile: `refuse`, `unmark` or `keep` a resource that lacks what the profile asks ' +
        'for (`docs/feeds.md`). Without it every such profile is unmarked. It is read at the start.',
    ),
};

/** With which reasons reviewers end the access of apps. */
export const reviewsEnv = {
  REASONS_FILE: policyFile(readReasons)
    .optional()
    .describe(
      'A JSON file with the reasons that reviewers may give (`docs/reviewing.md`): codes with texts for `security`, ' +
        '`binding` and `neutral`. Without it the built-in list holds. It is read at the start.',
    ),
};

/** What the payer's letters and public pages say. */
export const noticesEnv = {
  NOTICES_FILE: policyFile(readNoticeSettings)
    .optional()
    .describe(
      "A JSON file with the payer's name, contacts and links, and the words of counsel, for `/notice` and " +
        '`/providers` (`docs/notices.md`). Without it the pages show marks in their places. It is read at the start.',
    ),
};

/** An absolute URI; a system with an identifier behind it is none. */
const SYSTEM = /^[a-z][a-z0-9+.-]*:[^\s|]+$/i;
/** Each search for a submitted id has a key for each of them. */
const MOST_SYSTEMS = 20;
const MOST_CHARACTERS = 200;

/** What `$provider-member-match` compares and accepts, and how it answers. */
export const matchEnv = {
  MATCH_MEMBER_ID_SYSTEMS: z
    .string()
    .transform(commaSeparated)
    .refine(
      (all) =>
        all.length > 0 &&
        all.length <= MOST_SYSTEMS &&
        all.every((system) => system.length <= MOST_CHARACTERS && SYSTEM.test(system)),
      `must be at most ${MOST_SYSTEMS} absolute URIs, such as https://payer.example/member-id, separated by commas`,
    )
    .optional()
    .transform((all) => all ?? [])
    .describe(
      "All identifier systems of this payer's member ids, in published Patients and Coverages: " +
        '`https://payer.example/member-id,urn:oid:2.16.840.1.113883.6.300.1`. An id of another system, ' +
        'such as one of a former payer, then finds nobody (`docs/match.md`). Without it, each system that the payer ' +
        'published counts.',
    ),
  MATCH_POLICY_FILE: policyFile(readMatchPolicies)
    .optional()
    .describe(
      'A JSON file that says from which day on attestations of treatment are accepted: `accept`, `require-evidence` ' +
        'or `reject` (`docs/match.md`). Without it each one is accepted. It is read at the start.',
    ),
  MATCH_CONSENT_CONSTRAINED: flag
    .default(false)
    .describe(
      'Whether the result of a match lists members who opted out in a Group of their own. The Group names them, so ' +
        'the provider learns that they are members, and that they opted out. By default they are among the ' +
        'members who were not matched.',
    ),
};
