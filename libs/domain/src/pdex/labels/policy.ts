import type { ProviderKey } from '@provider-access/events';
import type { CodeList } from './codes/code-list.ts';
import { DEFAULT_LABELS } from './default-policy.ts';
import { DRUG_AUTHORIZATION } from './drugs.ts';
import { isPersonLabel } from './persons.ts';
import { formsOf, type Label, normalLabel, UNREADABLE_LABEL } from './names.ts';
import { RECALLED } from './recalled.ts';
import { isCut, isTag, reasonOf } from './tag.ts';

/**
 * `withhold line`: of a claim, only the lines with a code of a list, if the rest can be served without them. Everything
 * else with the label is withheld (ADR 0115).
 */
export const LABEL_RULES = ['withhold', 'withhold line', 'withhold unless consented', 'release'] as const;
export type LabelRule = (typeof LABEL_RULES)[number];
/** What a rule means for one resource as it is stored. */
type Effect = Exclude<LabelRule, 'withhold line'>;

/** A rule that ends at an instant (RFC 3339, UTC). Until `policyAt` has looked at the clock, it withholds. */
type DatedRule = LabelRule | `withhold until ${string}`;
const UNTIL = 'withhold until ';

/** Names the rule for labels that have no rule of their own. No label has this form. */
export const UNKNOWN_LABEL = '*';
/** Rules by normalised label, and by `UNKNOWN_LABEL`. Plain data, so that worker threads can receive it. */
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

const STRICTNESS: readonly LabelRule[] = ['release', 'withhold unless consented', 'withhold line', 'withhold'];
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
    if (label === UNKNOWN_LABEL) continue;
    const normal = normalLabel(label);
    policy.set(normal, rule);
    stated.add(normal);
  }
  for (const [label, rule] of [...policy]) {
    const alone = label.slice(label.lastIndexOf('|'));
    if (!stated.has(alone) && isStricter(rule, policy.get(alone))) policy.set(alone, rule);
  }
  const unknown = rules[UNKNOWN_LABEL];
  return { ...Object.fromEntries(policy), ...(unknown !== undefined && { [UNKNOWN_LABEL]: unknown }) };
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
 * The policy with rules for the labels that lists of sensitive codes give. A label that neither the policy file nor the
 * built-in policy knows withholds, because somebody listed its codes for that.
 */
export function withListed(policy: LabelPolicy, lists: readonly CodeList[]): LabelPolicy {
  const labels = new Set(lists.flatMap(({ entries }) => entries.map(({ label }) => label)));
  const more = [...labels].filter((label) => ruleOf(label, policy).by === undefined).map(normalLabel);
  return more.length === 0 ? policy : { ...policy, ...Object.fromEntries(more.map((label) => [label, 'withhold'])) };
}

interface RuleOf {
  readonly rule: Effect;
  /** The label of the policy whose rule it is; absent for a label that the policy does not know. */
  readonly by?: Label;
}
/** What a rule does to a resource with this label. A line that was cut is gone, so its rule is obeyed. */
const effectOf = (rule: LabelRule, label: Label): Effect =>
  rule !== 'withhold line' ? rule : isCut(label) ? 'release' : 'withhold';
/** The rule for a label: its own one, else that of the label that was probably meant, else that for unknown labels. */
function ruleOf(label: Label, policy: LabelPolicy): RuleOf {
  // Labels of ours that no policy names.
  if (isPersonLabel(label) || label === RECALLED) return { rule: 'release', by: label };
  const { normal, near } = formsOf(label);
  const by = policy[normal] === undefined ? near.find((each) => policy[each] !== undefined) : normal;
  if (by === undefined) return { rule: effectOf(undated(policy[UNKNOWN_LABEL] ?? 'release'), label) };
  return { rule: effectOf(undated(policy[by]!), label), by };
}
/** The labels of these lists of which the policy withholds a line alone, sorted. */
export function lineLabels(lists: readonly CodeList[], policy: LabelPolicy): readonly Label[] {
  const labels = new Set(lists.flatMap(({ entries }) => entries.map(({ label }) => label)));
  const isOfLine = (label: Label): boolean => {
    const { normal, near } = formsOf(label);
    return [normal, ...near].map((each) => policy[each]).find((rule) => rule !== undefined) === 'withhold line';
  };
  return [...labels].filter(isOfLine).toSorted();
}
/** The labels for which the policy has no rule, in a form for people: signs that nobody sees are escaped. */
export const unknownLabels = (labels: readonly Label[], policy: LabelPolicy): readonly string[] =>
  labels.length === 0
    ? NONE
    : labels
        .filter((label) => ruleOf(label, policy).by === undefined)
        .map((label) => label.replace(/[^\x20-\x7e]/gu, (sign) => `\\u{${sign.codePointAt(0)!.toString(16)}}`));
/**
 * The tags among these labels that withhold their resource or cut a line of it, each reason once (`reasonOf`). A tag
 * that a consent of the member could release counts as well.
 */
export function withheldTags(labels: readonly Label[], policy: LabelPolicy): readonly string[] {
  const tags = labels.length === 0 ? NONE : labels.filter((label) => isWithheldTag(label, policy));
  return tags.length === 0 ? NONE : [...new Set(tags.map(reasonOf))];
}
const isWithheldTag = (label: Label, policy: LabelPolicy): boolean =>
  isCut(label) || (isTag(label) && ruleOf(label, policy).rule !== 'release');
/** Most resources have no label, and each event asks. */
const NONE: readonly string[] = [];
/** Whether the policy withholds prior authorizations of drugs at this moment (ms since the epoch). */
export function excludesDrugs(policy: LabelPolicy, now: number): boolean {
  const rule = policy[DRUGS];
  // Each batch of events asks, so the other rules, of which there are many, are not looked at.
  return rule !== 'release' && !(rule?.startsWith(UNTIL) === true && Date.parse(rule.slice(UNTIL.length)) <= now);
}
const DRUGS = normalLabel(DRUG_AUTHORIZATION);

/**
 * The strictest rule for these labels, without consents. A caller that gets `withhold unless consented` needs the
 * member's consents.
 */
export function strictestRule(labels: readonly Label[], policy: LabelPolicy): Effect {
  let strictest: Effect = 'release';
  for (const label of labels) {
    const { rule } = ruleOf(label, policy);
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
    const { rule, by = normalLabel(label) } = ruleOf(label, policy);
    if (rule === 'release') return false;
    if (rule === 'withhold') return true;
    return !permits.some((p) => covers(p.label, by) && reaches(p, providers));
  });
}

const RESTRICTED = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R';
const VERY_RESTRICTED = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality|V';
/** Confidentiality is a high-water mark: a consent to `V` includes `R` (FHIR R4, Consent.provision.securityLabel). */
const covers = (permitted: Label, label: Label): boolean =>
  permitted === label || (permitted === VERY_RESTRICTED && label === RESTRICTED);
const reaches = ({ recipients }: LabelPermit, providers: readonly ProviderKey[]): boolean =>
  recipients === undefined || recipients.some((recipient) => providers.includes(recipient));
