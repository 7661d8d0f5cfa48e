import { fault, type PolicyReading, readRules } from '../policy-file.ts';
import { DEFAULT_LABELS } from './default-policy.ts';
import { UNREADABLE_LABEL } from './label.ts';
import { LABEL_RULES, type LabelPolicy, labelPolicy, normalLabel } from './policy.ts';

/**
 * Reads a policy file (docs/security-labels.md). Its rules are added to the built-in ones, or replace them if `default`
 * is false.
 */
export function readLabelPolicy(text: string): PolicyReading<LabelPolicy> {
  const reading = readRules(text, {
    list: 'labels',
    others: ['default'],
    subject: 'system|code',
    rules: LABEL_RULES,
    isName: (label) => label === UNREADABLE_LABEL || /^\S*\|\S(.*\S)?$/.test(label),
    named: 'system|code',
  });
  if (!reading.ok) return reading;
  const { file, rules } = reading.policy;
  const { default: builtIn = true } = file;
  if (typeof builtIn !== 'boolean') return fault('"default" must be true or false');
  const names = Map.groupBy(Object.keys(rules), normalLabel);
  for (const [one, other] of names.values())
    if (other !== undefined) return fault(`"labels" names one label twice: "${one}" and "${other}"`);
  // A resource with more labels than anybody reads counts as unreadable, so without a rule it would be released.
  const always = { ...(builtIn && DEFAULT_LABELS), [UNREADABLE_LABEL]: 'withhold' } as const;
  return { ok: true, policy: labelPolicy({ ...always, ...rules }) };
}
