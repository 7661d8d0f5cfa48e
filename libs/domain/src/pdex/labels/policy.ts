import type { ProviderKey } from '@provider-access/events';
import { BoundedMap } from '@provider-access/kernel';
import { DEFAULT_LABELS } from './default-policy.ts';
import { DRUG_AUTHORIZATION } from './drugs.ts';
import { type Label, UNREADABLE_LABEL } from './label.ts';

export const LABEL_RULES = ['withhold', 'withhold unless consented', 'release'] as const;
export type LabelRule = (typeof LABEL_RULES)[number];

/** A rule that ends at an instant (RFC 3339, UTC). Until `policyAt` has looked at the clock, it withholds. */
type DatedRule = LabelRule | `withhold until ${string}`;
const UNTIL = 'withhold until ';

/** Rules by normalised label. Plain data, so that worker threads can receive it. */
export type LabelPolicy = Readonly<Record<Label, DatedRule>>;

/** A consent of the member to the release of resources with this label. */
export interface LabelPermit {
  /** A normalised label. */
  readonly label: Label;
  /** The providers who may receive these resources; absent if the consent names none. */
  readonly recipients?: readonly ProviderKey[];
}
export interface LabelFacts {
  /** The consents of the member that are in force. */
  readonly permits: readonly LabelPermit[];
  /** Every identifier of the providers to whom the client is bound. */
  readonly providers: readonly ProviderKey[];
}

const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem/';
/** HL7's code systems for labels, by their lower-case names without `v3-`, and by the value sets of their codes. */
const SYSTEMS: ReadonlyMap<string, string> = new Map([
  ['confidentiality', 'v3-Confidentiality'],
  ['actcode', 'v3-ActCode'],
  ['actreason', 'v3-ActReason'],
  ['informationsensitivitypolicy', 'v3-ActCode'],
  ['actinformationsensitivitypolicy', 'v3-ActCode'],
  ['actprivacylaw', 'v3-ActCode'],
  ['actusprivacylaw', 'v3-ActCode'],
  ['0177', 'v2-0177'],
]);
const OIDS: ReadonlyMap<string, string> = new Map([
  ['2.16.840.1.113883.5.25', 'v3-Confidentiality'],
  ['2.16.840.1.113883.5.4', 'v3-ActCode'],
  ['2.16.840.1.113883.5.8', 'v3-ActReason'],
  ['2.16.840.1.113883.18.92', 'v2-0177'],
]);
/** URLs under which HL7 names them today, and did in earlier versions of FHIR: as a code system, and as a value set. */
const HL7_URL = new RegExp(
  String.raw`^https?://(?:www\.)?(?:terminology\.hl7\.org|hl7\.org/fhir)/` +
    String.raw`(?:(?:codesystem|valueset)/v[23]-|v[23]/(?:vs/)?)([a-z0-9]{1,40})$`,
);
const HL7_OID = /^(?:urn:oid:)?([\d.]{1,64})$/;

/**
 * HL7's own name of a code system, for a name that is nearly right: another scheme, case, or form, a version, a slash
 * at the end. A label that only a slip keeps from its rule would be released. Names of others stay as they are.
 */
function normalSystem(system: string): string {
  const name = system.split('|', 1)[0]!.trim().replace(/\/+$/, '').toLowerCase();
  const known = OIDS.get(HL7_OID.exec(name)?.[1] ?? '') ?? SYSTEMS.get(HL7_URL.exec(name)?.[1] ?? '');
  return known === undefined ? system : TERMINOLOGY + known;
}
/** Payers use few systems, and a search asks for each record. */
const normalSystems = new BoundedMap<string, string>(1000);

/** The label as a policy names it. Codes are compared without case, because `r` can only mean `R`. */
export function normalLabel(label: Label): Label {
  const at = label.lastIndexOf('|');
  const system = label.slice(0, at);
  let normal = normalSystems.get(system);
  if (normal === undefined) {
    normal = normalSystem(system);
    normalSystems.set(system, normal);
  }
  return `${normal}|${label
    .slice(at + 1)
    .trim()
    .toUpperCase()}`;
}

const STRICTNESS: readonly LabelRule[] = ['release', 'withhold unless consented', 'withhold'];
const isStricter = (a: LabelRule, b: LabelRule | undefined): boolean =>
  b === undefined || STRICTNESS.indexOf(a) > STRICTNESS.indexOf(b);
const undated = (rule: DatedRule): LabelRule => (rule.startsWith(UNTIL) ? 'withhold' : (rule as LabelRule));

/**
 * The policy at a moment (ms since the epoch), without rules that have ended, and the moment of its next change
 * (Infinity if there is none).
 */
export function policyAt(policy: LabelPolicy, now: number): { readonly policy: LabelPolicy; readonly until: number } {
  const dated = Object.entries(policy).filter(([, rule]) => rule.startsWith(UNTIL));
  const ends = dated.map(([label, rule]) => [label, Date.parse(rule.slice(UNTIL.length))] as const);
  const over = ends.filter(([, end]) => end <= now).map(([label]) => [label, 'release'] as const);
  return {
    policy: over.length === 0 ? policy : { ...policy, ...Object.fromEntries(over) },
    until: Math.min(Infinity, ...ends.map(([, end]) => end).filter((end) => end > now)),
  };
}

/**
 * A policy from rules by label. A code that comes without its system has the strictest rule of all labels with this
 * code, because nobody knows which of them it is.
 */
export function labelPolicy(rules: Readonly<Record<Label, LabelRule>>): Readonly<Record<Label, LabelRule>> {
  const policy = new Map<Label, LabelRule>();
  const stated = new Set<Label>();
  for (const [label, rule] of Object.entries(rules)) {
    const normal = normalLabel(label);
    policy.set(normal, rule);
    stated.add(normal);
  }
  for (const [label, rule] of [...policy]) {
    const alone = label.slice(label.lastIndexOf('|'));
    if (!stated.has(alone) && isStricter(rule, policy.get(alone))) policy.set(alone, rule);
  }
  return Object.fromEntries(policy);
}

/** The policy of a deployment without a policy file. */
export const DEFAULT_LABEL_POLICY: LabelPolicy = withDrugs(
  labelPolicy({ ...DEFAULT_LABELS, [UNREADABLE_LABEL]: 'withhold' }),
  'exclude',
);

/**
 * The policy with the rule for prior authorizations of drugs.
 * @param drugs `exclude`, or the RFC 3339 instant (UTC) from which on they are released
 */
export function withDrugs(policy: LabelPolicy, drugs: string): LabelPolicy {
  return { ...policy, [normalLabel(DRUG_AUTHORIZATION)]: drugs === 'exclude' ? 'withhold' : `${UNTIL}${drugs}` };
}

/**
 * The strictest rule for these labels, without consents. A caller that gets `withhold unless consented` needs the
 * member's consents.
 */
export function strictestRule(labels: readonly Label[], policy: LabelPolicy): LabelRule {
  let strictest: LabelRule = 'release';
  for (const label of labels) {
    const rule = undated(policy[normalLabel(label)] ?? 'release');
    if (isStricter(rule, strictest)) strictest = rule;
  }
  return strictest;
}

/** The labels because of which a resource is withheld; none if it may be released. Each of them withholds it. Pure. */
export function withholdingLabels(
  labels: readonly Label[],
  policy: LabelPolicy,
  { permits, providers }: LabelFacts,
): readonly Label[] {
  return labels.filter((label) => {
    const normal = normalLabel(label);
    const rule = undated(policy[normal] ?? 'release');
    if (rule === 'release') return false;
    if (rule === 'withhold') return true;
    return !permits.some((p) => covers(p.label, normal) && reaches(p, providers));
  });
}

const RESTRICTED = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R';
const VERY_RESTRICTED = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality|V';
/** Confidentiality is a high-water mark: a consent to `V` includes `R` (FHIR R4, Consent.provision.securityLabel). */
const covers = (permitted: Label, label: Label): boolean =>
  permitted === label || (permitted === VERY_RESTRICTED && label === RESTRICTED);
const reaches = ({ recipients }: LabelPermit, providers: readonly ProviderKey[]): boolean =>
  recipients === undefined || recipients.some((recipient) => providers.includes(recipient));
