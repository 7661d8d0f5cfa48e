import { fault, type PolicyReading, quoted, readRules } from '../policy-file.ts';
import { DEFAULT_LABELS } from './default-policy.ts';
import { normalLabel, UNREADABLE_LABEL } from './names.ts';
import { LABEL_RULES, type LabelPolicy, labelPolicy, type LabelRule, UNKNOWN_LABEL } from './policy.ts';

/** A line is cut for a code of a list, and every label of a list is known. */
const FOR_UNKNOWN = LABEL_RULES.filter((rule) => rule !== 'withhold line');

/**
 * Reads a policy file (docs/security-labels.md). Its rules are added to the built-in ones, or replace them if `default`
 * is false.
 */
export function readLabelPolicy(text: string): PolicyReading<LabelPolicy> {
  const reading = readRules(text, {
    list: 'labels',
    further: {
      default: (value = true) => (typeof value === 'boolean' ? undefined : '"default" must be true or false'),
      unknown: (value) =>
        value === undefined || (FOR_UNKNOWN as readonly unknown[]).includes(value)
          ? undefined
          : `"unknown" must be one of ${quoted(FOR_UNKNOWN)}`,
    },
    subject: 'system|code',
    rules: LABEL_RULES,
    isName: (label) => label === UNREADABLE_LABEL || /^\S*\|\S(.*\S)?$/.test(label),
    named: 'system|code',
  });
  if (!reading.ok) return reading;
  const { file, rules } = reading.policy;
  const { default: builtIn = true, unknown } = file as { readonly default?: boolean; readonly unknown?: LabelRule };
  const names = Map.groupBy(Object.keys(rules), normalLabel);
  for (const [one, other] of names.values())
    if (other !== undefined) return fault(`"labels" names one label twice: "${one}" and "${other}"`);
  // A resource with more labels than anybody reads counts as unreadable, so without a rule it would be released.
  const always = { ...(builtIn && DEFAULT_LABELS), [UNREADABLE_LABEL]: 'withhold' } as const;
  return {
    ok: true,
    policy: labelPolicy({ ...always, ...rules, ...(unknown !== undefined && { [UNKNOWN_LABEL]: unknown }) }),
  };
}
