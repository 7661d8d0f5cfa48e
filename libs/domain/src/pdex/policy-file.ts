import { isObject } from '@provider-access/fhir/primitives';

/** The policy that a file states, or the first fault of the file: a sentence without its subject. */
export type PolicyReading<Policy> =
  { readonly ok: true; readonly policy: Policy } | { readonly ok: false; readonly fault: string };
export const fault = (text: string): { readonly ok: false; readonly fault: string } => ({ ok: false, fault: text });

/** What is wrong with a value of a file: a sentence, or its end if the caller names the subject. Undefined: nothing. */
type Check = (value: unknown) => string | undefined;
/** What the members of an object must be. An absent member is `undefined`. */
export type Schema = Readonly<Record<string, Check>>;

export const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
export const hasOthers = (object: object, known: readonly string[]): boolean =>
  Object.keys(object).some((name) => !known.includes(name));

/** What is wrong with an object, by the first member at fault. No other member may be there. */
export function faultOf(schema: Schema, object: Readonly<Record<string, unknown>>): string | undefined {
  const names = Object.keys(schema);
  if (hasOthers(object, names)) return `has a member other than ${quoted(names)}`;
  for (const name of names) {
    const wrong = schema[name]!(object[name]);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

/**
 * Reads a JSON file by a schema. It ignores nothing, because a misspelt name would leave another rule.
 */
export function readFile<File>(text: string, schema: Schema): PolicyReading<File> {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return fault('is not JSON');
  }
  if (!isObject(file)) return fault('must be a JSON object');
  const wrong = faultOf(schema, file);
  return wrong === undefined ? { ok: true, policy: file as File } : fault(wrong);
}

/** What a policy file may have: a list of rules by name, and other members. */
interface Form<Rule extends string> {
  readonly list: string;
  readonly further?: Schema;
  /** What a rule is for. */
  readonly subject: string;
  readonly rules: readonly Rule[];
  readonly isName: (name: string) => boolean;
  /** How a name that `isName` refuses must be. */
  readonly named: string;
}

/** Reads a policy file with rules by name. */
export function readRules<Rule extends string>(
  text: string,
  { list, further = {}, subject, rules, isName, named }: Form<Rule>,
): PolicyReading<{ readonly rules: Readonly<Record<string, Rule>>; readonly file: Readonly<Record<string, unknown>> }> {
  const ofRules: Check = (stated) => {
    if (!isObject(stated)) return `"${list}" must be an object of ${subject} and rule`;
    for (const [at, [name, rule]] of Object.entries(stated).entries()) {
      const place = `"${list}" entry ${at + 1}`;
      if (!isName(name)) return `${place} must be named ${named}`;
      if (!(rules as readonly unknown[]).includes(rule)) return `${place} must be one of ${quoted(rules)}`;
    }
    return undefined;
  };
  const reading = readFile<Readonly<Record<string, unknown>>>(text, { ...further, [list]: ofRules });
  if (!reading.ok) return reading;
  return { ok: true, policy: { rules: reading.policy[list] as Record<string, Rule>, file: reading.policy } };
}
