import { isObject } from '@provider-access/kernel/fhir';
import { DEFAULT_LABELS } from './default-policy.ts';
import { UNREADABLE_LABEL } from './label.ts';
import { LABEL_RULES, type LabelPolicy, labelPolicy, type LabelRule } from './policy.ts';

/** The policy that a file states, or the first fault of the file: a sentence without its subject. */
export type PolicyReading =
  { readonly ok: true; readonly policy: LabelPolicy } | { readonly ok: false; readonly fault: string };
const fault = (text: string): PolicyReading => ({ ok: false, fault: text });

const MEMBERS = new Set(['default', 'labels']);
const isRule = (value: unknown): value is LabelRule => (LABEL_RULES as readonly unknown[]).includes(value);

/**
 * Reads a policy file (docs/security-labels.md). Its rules are added to the built-in ones, or replace them if `default`
 * is false. Nothing is ignored, because a misspelt member could release what it should withhold.
 */
export function readLabelPolicy(text: string): PolicyReading {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return fault('is not JSON');
  }
  if (!isObject(file)) return fault('must be a JSON object');
  const unknown = Object.keys(file).find((name) => !MEMBERS.has(name));
  if (unknown !== undefined) return fault('has a member other than "default" and "labels"');
  const { default: builtIn = true, labels } = file;
  if (typeof builtIn !== 'boolean') return fault('"default" must be true or false');
  if (!isObject(labels)) return fault('"labels" must be an object of system|code and rule');
  const rules = Object.entries(labels);
  for (const [at, [label, rule]] of rules.entries()) {
    const place = `"labels" entry ${at + 1}`;
    if (label !== UNREADABLE_LABEL && !/^\S*\|\S(.*\S)?$/.test(label))
      return fault(`${place} must be named system|code`);
    if (!isRule(rule)) return fault(`${place} must be one of ${LABEL_RULES.map((each) => `"${each}"`).join(', ')}`);
  }
  const stated = Object.fromEntries(rules) as Record<string, LabelRule>;
  return {
    ok: true,
    policy: labelPolicy(builtIn ? { ...DEFAULT_LABELS, [UNREADABLE_LABEL]: 'withhold', ...stated } : stated),
  };
}
