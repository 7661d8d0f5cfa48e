import { type FhirResource, isObject } from '@provider-access/fhir';
import { type KnownProfile, type Lack, lacksOf, profilesNamed } from '@provider-access/fhir/profiles';
import { declaring } from '../redact/declared.ts';
import { isPriorAuthorization, missingDenialReasons, PRIOR_AUTHORIZATION } from './denial-reason.ts';
import { type ProfilePolicy, profileRule } from './policy.ts';

/** An element that is missing or wrong, and the rule that says so. No value. */
export interface Shortcoming {
  readonly element: string;
  /** `denial-reason`: CMS asks for the reason of a denial. The others are rules of the profile. */
  readonly rule: Lack['rule'] | 'denial-reason';
}
/** What one resource lacks of one profile. */
export interface ProfileCheck {
  /** `url|version`; without version if only `denial-reason` was checked, because no known version is declared. */
  readonly profile: string;
  readonly lacks: readonly Shortcoming[];
}
export interface CheckedProfiles<R> {
  /** The resource without the profiles that do not hold and that the policy does not keep. The same object if none. */
  readonly resource: R;
  /**
   * One check for each declared profile. A canonical without a version has one of the first version that holds, or one
   * of each known version if none holds.
   */
  readonly checks: readonly ProfileCheck[];
  /** The checks of the profiles for which the policy refuses the resource. Empty if the policy takes the resource. */
  readonly refused: readonly ProfileCheck[];
}

/** The tables of constraints. A test replaces them to count how often they are asked. */
export interface ProfileTables {
  readonly profilesNamed: (canonical: string) => readonly KnownProfile[];
  readonly lacksOf: (profile: KnownProfile, resource: FhirResource) => readonly Lack[];
}
const TABLES: ProfileTables = { profilesNamed, lacksOf };

/**
 * Checks a redacted resource against the profiles in its `meta.profile`, each once, and applies the policy to those
 * that do not hold. A canonical without a version holds if it holds in any known version, and the others are not
 * evaluated then. A canonical that the tables do not know stays. Pure.
 */
export function checkProfiles<R extends FhirResource>(
  resource: R,
  policy: ProfilePolicy,
  tables: ProfileTables = TABLES,
): CheckedProfiles<R> {
  const { meta } = resource;
  const listed: unknown = isObject(meta) ? meta['profile'] : undefined;
  const declared = Array.isArray(listed) ? listed.filter((one) => typeof one === 'string') : [];
  // Every resource is served with a time, which the platform sets (ADR 0046).
  const dated = !isObject(meta) || declared.length === 0 || meta['lastUpdated'] !== undefined;
  const served = dated ? resource : withTime(resource, meta);
  // Most resources declare one profile, and maps and sets of one cost more than its check.
  const evaluated = declared.length > 1 ? new Map<KnownProfile, ProfileCheck>() : undefined;
  const checks: ProfileCheck[] = [];
  const refused: ProfileCheck[] = [];
  const stay: string[] = [];
  for (const canonical of declared) {
    const versions = tables.profilesNamed(canonical);
    let found: ProfileCheck[] | undefined;
    let holding: ProfileCheck | undefined;
    for (const known of versions) {
      const check = checkOnce(known, served, evaluated, tables);
      if (check.lacks.length === 0) {
        holding = check;
        break;
      }
      found ??= [];
      found.push(check);
    }
    if (holding !== undefined) addOnce(holding, checks);
    if (found === undefined || holding !== undefined) {
      stay.push(canonical);
      continue;
    }
    for (const check of found) addOnce(check, checks);
    // A canonical without a version stands for each known version, so the strictest of their rules holds.
    const rules = found.map(({ profile }) => profileRule(profile, policy));
    if (rules.every((rule) => rule === 'keep')) stay.push(canonical);
    found.forEach((check, i) => rules[i] === 'refuse' && addOnce(check, refused));
  }
  return {
    resource: stay.length === declared.length ? resource : declaring(resource, stay),
    checks: isPriorAuthorization(resource) ? withDenialReasons(resource, checks) : checks,
    refused,
  };
}

function addOnce(check: ProfileCheck, checks: ProfileCheck[]): void {
  if (!checks.includes(check)) checks.push(check);
}

const withTime = (resource: FhirResource, meta: object): FhirResource => ({
  ...resource,
  meta: { ...meta, lastUpdated: '2000-01-01T00:00:00Z' },
});

function checkOnce(
  known: KnownProfile,
  resource: FhirResource,
  evaluated: Map<KnownProfile, ProfileCheck> | undefined,
  tables: ProfileTables,
): ProfileCheck {
  let check = evaluated?.get(known);
  if (check === undefined) {
    // A profile of another type does not hold, whatever the resource contains.
    const lacks: readonly Shortcoming[] =
      known.type === resource.resourceType ? tables.lacksOf(known, resource) : [{ element: known.type, rule: 'type' }];
    check = { profile: known.canonical, lacks };
    evaluated?.set(known, check);
  }
  return check;
}

/**
 * Adds missing reasons of denials. They are no rule of a profile, so no policy refuses or unmarks because of them. They
 * belong to the profile of PDex, also where the resource does not declare it.
 */
function withDenialReasons(resource: FhirResource, checks: readonly ProfileCheck[]): readonly ProfileCheck[] {
  const missing = missingDenialReasons(resource).map((element) => ({ element, rule: 'denial-reason' as const }));
  const isOurs = ({ profile }: ProfileCheck): boolean => profile.startsWith(`${PRIOR_AUTHORIZATION}|`);
  if (!checks.some(isOurs)) return [...checks, { profile: PRIOR_AUTHORIZATION, lacks: missing }];
  return checks.map((check) => (isOurs(check) ? { ...check, lacks: [...check.lacks, ...missing] } : check));
}

/** `us-core-patient|6.1.0 Patient.name (min)`: a name for receipts and dead letters. */
export const shortcomingName = ({ profile }: ProfileCheck, { element, rule }: Shortcoming): string =>
  `${profile.slice(profile.lastIndexOf('/') + 1)} ${element} (${rule})`;
