import { fault, type PolicyReading, readRules } from '../policy-file.ts';
import { DEFAULT_LABELS } from './default-policy.ts';
import { UNREADABLE_LABEL } from './label.ts';
import { LABEL_RULES, type LabelPolicy, labelPolicy } from './policy.ts';

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
  return {
    ok: true,
    policy: labelPolicy(builtIn ? { ...DEFAULT_LABELS, [UNREADABLE_LABEL]: 'withhold', ...rules } : rules),
  };
}
