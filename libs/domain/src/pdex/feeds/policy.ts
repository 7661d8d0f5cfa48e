import { SERVED_TYPES } from '@provider-access/fhir';
import { profilesNamed, profilesOf } from '@provider-access/fhir/profiles';
import { type PolicyReading, readRules } from '../policy-file.ts';

/**
 * What intake does with a resource that lacks what a declared profile asks for. `refuse`: the event becomes a dead
 * letter. `unmark`: the profile leaves `meta.profile`. `keep`: the profile stays.
 */
const PROFILE_RULES = ['refuse', 'unmark', 'keep'] as const;
export type ProfileRule = (typeof PROFILE_RULES)[number];

/**
 * Rules by name: a canonical with its version, a canonical, the beginning of canonicals (it ends with `/`), or `*`. The
 * most exact name decides. It is plain data, because it is copied between threads.
 */
export type ProfilePolicy = Readonly<Record<string, ProfileRule>>;

/** What is served must be true, so a profile that does not hold is not named (ADR 0051). */
const DEFAULT_RULE: ProfileRule = 'unmark';
const EVERY = '*';

/** The rule of a canonical as a resource declares it, with a version or without one. */
export function profileRule(canonical: string, policy: ProfilePolicy): ProfileRule {
  const at = canonical.indexOf('|');
  const url = at < 0 ? canonical : canonical.slice(0, at);
  for (const name of [canonical, url]) if (Object.hasOwn(policy, name)) return policy[name]!;
  for (let end = url.lastIndexOf('/'); end > 0; end = url.lastIndexOf('/', end - 1)) {
    const beginning = url.slice(0, end + 1);
    if (Object.hasOwn(policy, beginning)) return policy[beginning]!;
  }
  return policy[EVERY] ?? DEFAULT_RULE;
}

/**
 * Reads a policy file (docs/feeds.md). A name that fits no profile of the tables is a fault, because a misspelt name
 * would leave a profile with another rule.
 */
export function readProfilePolicy(text: string): PolicyReading<ProfilePolicy> {
  const reading = readRules(text, {
    list: 'profiles',
    subject: 'profile',
    rules: PROFILE_RULES,
    isName: isKnown,
    named: '*, a profile that the platform checks, or the beginning of one that ends with /',
  });
  return reading.ok ? { ok: true, policy: reading.policy.rules } : reading;
}

function isKnown(name: string): boolean {
  if (name === EVERY) return true;
  if (!name.endsWith('/')) return profilesNamed(name).length > 0;
  return SERVED_TYPES.some((type) => profilesOf(type).some(({ url }) => url.startsWith(name)));
}
