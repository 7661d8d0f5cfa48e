import { BoundedMap } from '@provider-access/kernel';
import { isObject } from '@provider-access/fhir';
import { ATR, CARIN_BB, HREX, PAS, PDEX, US_CORE } from '../codes.ts';
import type { Context } from './plan.ts';

type Source = Readonly<Record<string, unknown>>;

/**
 * The profiles of CARIN BB for claims with money, and the Basis profile with the same rules without money. A redacted
 * claim conforms to the latter (CARIN BB 2.1.0 and 2.2.0, docs/regulation.md#profiles).
 */
const BASIS_OF: ReadonlyMap<string, string> = new Map(
  [
    'C4BB-ExplanationOfBenefit-Inpatient-Institutional',
    'C4BB-ExplanationOfBenefit-Outpatient-Institutional',
    'C4BB-ExplanationOfBenefit-Professional-NonClinician',
    'C4BB-ExplanationOfBenefit-Oral',
    'C4BB-ExplanationOfBenefit-Pharmacy',
  ].map((name) => [CARIN_BB + name, `${CARIN_BB}${name}-Basis`]),
);
/** Versions of CARIN BB before the Basis profiles, which came with 2.1.0. */
const BEFORE_BASIS = /^[01]\.|^2\.0\./;

/**
 * Guides whose profiles ask for no element that redaction removes. The financial profiles of CARIN BB are the
 * exception, and have a row above.
 */
const HOLDING = [US_CORE, PDEX, HREX, CARIN_BB, ATR, PAS, 'http://hl7.org/fhir/StructureDefinition/'];
/** Profiles of these guides that hold only for a resource with its money. */
const FINANCIAL: ReadonlySet<string> = new Set([
  `${PAS}profile-claim`,
  `${PAS}profile-claim-base`,
  `${PAS}profile-claim-update`,
]);

/** Resources declare few different profiles. Longer names are not kept. */
const [MOST_NAMES, LONGEST_NAME] = [1_000, 200];
const after = { changed: new BoundedMap<string, After>(MOST_NAMES), same: new BoundedMap<string, After>(MOST_NAMES) };
type After = Readonly<Record<'claim' | 'other', string | undefined>>;

/** The profile that a resource conforms to instead of this one; undefined if there is none. */
function profileAfter(declared: string, context: Context, changed: boolean): string | undefined {
  if (declared.length > LONGEST_NAME) return workedOut(declared, context, changed);
  const known = changed ? after.changed : after.same;
  let found = known.get(declared);
  if (found === undefined) {
    found = { claim: workedOut(declared, 'claim', changed), other: workedOut(declared, 'clinical', changed) };
    known.set(declared, found);
  }
  return context === 'claim' ? found.claim : found.other;
}

function workedOut(declared: string, context: Context, changed: boolean): string | undefined {
  const at = declared.indexOf('|');
  const url = at < 0 ? declared : declared.slice(0, at);
  const version = at < 0 ? '' : declared.slice(at + 1);
  const basis = BASIS_OF.get(url);
  if (basis !== undefined && context === 'claim')
    return version === '' || BEFORE_BASIS.test(version) ? basis : `${basis}|${version}`;
  // Nobody here knows what another profile asks for, so it holds if the resource is as the payer sent it.
  const holds = !changed || (HOLDING.some((guide) => url.startsWith(guide)) && !FINANCIAL.has(url));
  return holds && basis === undefined ? declared : undefined;
}

/**
 * The resource with the profiles in `meta.profile` to which it conforms after redaction. The same object if they stay.
 * @param changed whether redaction changed the resource
 */
export function withProfiles<S extends Source>(resource: S, context: Context, changed: boolean): S {
  const { meta } = resource;
  const declared = isObject(meta) ? meta['profile'] : undefined;
  if (!Array.isArray(declared)) return resource;
  if (declared.length === 1) {
    const one: unknown = declared[0];
    const kept = typeof one === 'string' ? profileAfter(one, context, changed) : undefined;
    return kept === one ? resource : declaring(resource, kept === undefined ? [] : [kept]);
  }
  const kept = declared.map((one: unknown) =>
    typeof one === 'string' ? profileAfter(one, context, changed) : undefined,
  );
  if (kept.every((profile, i) => profile === declared[i])) return resource;
  return declaring(
    resource,
    kept.filter((one) => one !== undefined),
  );
}

/** The resource with these profiles in `meta.profile`, each once. */
export function declaring<S extends Source>(resource: S, profiles: readonly string[]): S {
  const { profile: _profile, _profile: _extensions, ...rest } = isObject(resource['meta']) ? resource['meta'] : {};
  const profile = [...new Set(profiles)];
  const left = profile.length === 0 ? rest : { ...rest, profile };
  const { meta: _meta, ...withoutMeta } = resource;
  return (Object.keys(left).length === 0 ? withoutMeta : { ...resource, meta: left }) as S;
}
