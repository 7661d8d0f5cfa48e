/** Why a resource has a label that its payer did not give it. */
export interface Tag {
  /** What a person reads of the code system: `ICD-10`. */
  readonly system: string;
  readonly code: string;
  /** The name of the list, such as its date. */
  readonly list: string;
  readonly law: string;
  /** The security label that the list gives to the code. */
  readonly label: string;
}

/**
 * A tag is stored among the labels of its record, as one text with its reason. A policy sees only the label behind the
 * last `#` (`tagged`), so a tag withholds exactly as a label of the payer does.
 */
const PREFIX = 'urn:provider-access:tag:';
/** A tag of a line that was cut out of its claim (ADR 0115). The rest of the claim does not have the code. */
const CUT = 'urn:provider-access:cut:';

export const labelOfTag = ({ system, code, list, law, label }: Tag): string =>
  `${PREFIX}${[system, code, list, law].map(encodeURIComponent).join(':')}#${label}`;

export const isTag = (label: string): boolean => label.startsWith(PREFIX);

export const isCut = (label: string): boolean => label.startsWith(CUT);
/** The tag as one of a line that was cut, and back. Both prefixes are equally long. */
export const asCut = (tag: string): string => CUT + tag.slice(PREFIX.length);
export const asTag = (cut: string): string => PREFIX + cut.slice(CUT.length);

/** The label that the tag stands for; any other label as it is. */
export const tagged = (label: string): string =>
  isTag(label) || isCut(label) ? label.slice(label.indexOf('#') + 1) : label;

/** Reads `labelOfTag`, and `asCut` of it; undefined for any other label. */
export function tagOf(label: string): Tag | undefined {
  if (!isTag(label) && !isCut(label)) return undefined;
  const [system = '', code = '', list = '', law = ''] = label
    .slice(PREFIX.length, label.indexOf('#'))
    .split(':')
    .map(decodeURIComponent);
  return { system, code, list, law, label: tagged(label) };
}

/**
 * The reason of a tag for people: `ICD-10 F11.20, list 2026-08-22, 42 CFR Part 2`, and ` (line)` behind it if the line
 * was cut. Any other label as it is.
 */
export function reasonOf(label: string): string {
  const tag = tagOf(label);
  if (tag === undefined) return label;
  return `${tag.system} ${tag.code}, list ${tag.list}, ${tag.law}${isCut(label) ? ' (line)' : ''}`;
}
