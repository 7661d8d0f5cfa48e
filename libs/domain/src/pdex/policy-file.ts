import { isObject } from '@provider-access/fhir';

/** The policy that a file states, or the first fault of the file: a sentence without its subject. */
export type PolicyReading<Policy> =
  { readonly ok: true; readonly policy: Policy } | { readonly ok: false; readonly fault: string };
export const fault = (text: string): { readonly ok: false; readonly fault: string } => ({ ok: false, fault: text });

/** What a policy file may have: a list of rules by name, and other members. */
interface Form<Rule extends string> {
  readonly list: string;
  readonly furtherMembers?: readonly string[];
  /** What a rule is for. */
  readonly subject: string;
  readonly rules: readonly Rule[];
  readonly isName: (name: string) => boolean;
  /** How a name that `isName` refuses must be. */
  readonly named: string;
}

/** Reads a policy file with rules by name. It ignores nothing, because a misspelt name would leave another rule. */
export function readRules<Rule extends string>(
  text: string,
  { list, furtherMembers = [], subject, rules, isName, named }: Form<Rule>,
): PolicyReading<{ readonly rules: Readonly<Record<string, Rule>>; readonly file: Readonly<Record<string, unknown>> }> {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return fault('is not JSON');
  }
  if (!isObject(file)) return fault('must be a JSON object');
  const members = [...furtherMembers, list];
  if (Object.keys(file).some((name) => !members.includes(name)))
    return fault(`has a member other than ${members.map((name) => `"${name}"`).join(' and ')}`);
  const stated = file[list];
  if (!isObject(stated)) return fault(`"${list}" must be an object of ${subject} and rule`);
  for (const [at, [name, rule]] of Object.entries(stated).entries()) {
    const place = `"${list}" entry ${at + 1}`;
    if (!isName(name)) return fault(`${place} must be named ${named}`);
    if (!(rules as readonly unknown[]).includes(rule))
      return fault(`${place} must be one of ${rules.map((each) => `"${each}"`).join(', ')}`);
  }
  return { ok: true, policy: { rules: stated as Record<string, Rule>, file } };
}
