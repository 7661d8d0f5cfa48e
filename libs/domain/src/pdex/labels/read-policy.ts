import { fault, type PolicyReading, readRules } from '../policy-file.ts';
import { DEFAULT_LABELS } from './default-policy.ts';
import { normalLabel, UNREADABLE_LABEL } from './names.ts';
import { LABEL_RULES, type LabelPolicy, labelPolicy, type LabelRule, UNKNOWN_LABEL } from './policy.ts';

/**
 * Reads a policy file (docs/security-labels.md). Its rules are added to the built-in ones, or replace them if `default`
 * is false.
 */
export function readLabelPolicy(text: string): PolicyReading<LabelPolicy> {
  const reading = readRules(text, {
    list: 'labels',
    furtherMembers: ['default', 'unknown'],
    subject: 'system|code',
    rules: LABEL_RULES,
    isName: (label) => label === UNREADABLE_LABEL || /^\S*\|\S(.*\S)?$/.test(label),
    named: 'system|code',
  });
  if (!reading.ok) return reading;
  const { file, rules } = reading.policy;
  const { default: builtIn = true, unknown } = file;
  if (typeof builtIn !== 'boolean') return fault('"default" must be true or false');
  if (unknown !== undefined && !isRule(unknown))
    return fault(`"unknown" must be one of ${LABEL_RULES.map((each) => `"${each}"`).join(', ')}`);
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
const isRule = (rule: unknown): rule is LabelRule => (LABEL_RULES as readonly unknown[]).includes(rule);
