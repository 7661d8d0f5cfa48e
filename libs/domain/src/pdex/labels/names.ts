import { BoundedMap, withoutEnd } from '@provider-access/kernel';
import { LABEL_CODE_SETS } from '@provider-access/fhir';
import { tagged } from './tag.ts';

/**
 * A security label as text: `system|code`. A missing part is empty, so `|R` is a code without a system, and `|` is a
 * label without a code.
 */
export type Label = string;

/** A label that nobody can read: no code, or more text or labels than a resource can reasonably have. */
export const UNREADABLE_LABEL: Label = '|';

const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem/';
const ACT_CODE = `${TERMINOLOGY}v3-ActCode`;
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
 * at the end. Names of others stay as they are.
 */
function normalSystem(system: string): string {
  const name = withoutEnd(system.split('|', 1)[0]!.trim()).toLowerCase();
  const known = OIDS.get(HL7_OID.exec(name)?.[1] ?? '') ?? SYSTEMS.get(HL7_URL.exec(name)?.[1] ?? '');
  return known === undefined ? system : TERMINOLOGY + known;
}

/** Letters and digits only, in one form: blanks, hyphens, invisible characters, width and case do not matter. */
const folded = (text: string): string =>
  text
    .normalize('NFKC')
    .replace(/[^\p{L}\p{N}]/gu, '')
    .toUpperCase();

/** Names of code systems that others gave to HL7's: the last part of a URL, such as `ActCode` or `HL70177`. */
const LAST_PART = /(?:^|[/:#.])(?:(?:codesystem|valueset)-)?(?:v3-?|v2-?|hl7-?v3-?|hl7)?-?([a-z]{6,40}|0177)$/;
const HL7_HOST = /^https?:\/*(?:[a-z0-9-]+\.)*hl7\.org(?:[/:]|$)/;
/** HL7's own branches of OIDs. Under the others are code systems of its members. */
const HL7_BRANCH = /^(?:urn:)?(?:oid:)?2\.16\.840\.1\.113883\.(?:1|5|12|18|21)\./;
/** A name without a scheme is no name that anybody owns. */
const OWNED = /^[a-z][a-z0-9+.-]*:[^a-z0-9]*[a-z0-9]|^\d+(?:\.\d+)+$/;

interface NearSystem {
  /** The system of HL7 that was meant. */
  readonly meant?: string;
  /** Whether the system belongs to somebody else, so that its codes have their own meaning. */
  readonly isForeign: boolean;
}
/** The system that was probably meant by a name that HL7 never had. */
function nearSystem(system: string): NearSystem {
  const text = system
    .split('|', 1)[0]!
    .normalize('NFKC')
    .replace(/[\s\p{C}\p{Z}]/gu, '')
    .replace(/_/g, '-');
  const name = withoutEnd(text, '/?#').toLowerCase();
  const last = SYSTEMS.get(LAST_PART.exec(name)?.[1] ?? '');
  const normal = normalSystem(name);
  const meant = last === undefined ? (normal === name ? undefined : normal) : TERMINOLOGY + last;
  const isForeign = meant === undefined && OWNED.test(name) && !HL7_HOST.test(name) && !HL7_BRANCH.test(name);
  return { isForeign, ...(meant !== undefined && { meant }) };
}

/** Other ways to write the codes of privacy laws, folded. */
const LAWS: readonly (readonly [RegExp, string])[] = [
  [/^(?:TITLE)?42(?:CFR|CODEOFFEDERALREGULATIONS)?(?:PART|PT|P)?(?:2|II)(?:CFR)?$|^PART2$/, '42CFRPART2'],
  [/^(?:TITLE)?38(?:USC|USCODE)?(?:SECTION|SEC|S)?7332$/, 'TITLE38SECTION7332'],
  [/^(?:HIPAA)?PSY(?:CH|CHO|CHOTHERAPY)?NOTES?$/, 'HIPAAPSYNOTES'],
];
const SENSITIVITY = ' information sensitivity';
/**
 * HL7's labels by names that nothing else has: displays of codes of confidentiality and sensitivity, and codes and
 * displays of privacy laws.
 */
const NAMES: ReadonlyMap<string, Label> = new Map(
  ['v3-InformationSensitivityPolicy', 'v3-ConfidentialityClassification', 'v3-ActUSPrivacyLaw'].flatMap((set) => {
    const { system, codes } = LABEL_CODE_SETS[set]!;
    const laws = set === 'v3-ActUSPrivacyLaw';
    return codes.split(';').flatMap((each): [string, Label][] => {
      const [code = '', display = ''] = each.split('=');
      const label = `${laws ? ACT_CODE : system}|${folded(code)}`;
      // One word alone, such as `diagnosis`, has other meanings too.
      const short = display.endsWith(SENSITIVITY) ? display.slice(0, -SENSITIVITY.length) : '';
      return [display, ...(/[^a-z]/.test(short) ? [short] : []), ...(laws ? [code] : [])].map((name) => [
        folded(name),
        label,
      ]);
    });
  }),
);
function labelNamed(code: string): Label | undefined {
  const known = NAMES.get(code);
  if (known !== undefined) return known;
  const law = LAWS.find(([pattern]) => pattern.test(code));
  return law && `${ACT_CODE}|${law[1]}`;
}
/** HL7's label that a text names, such as `very restricted` or `42 CFR Part 2`. */
export const labelOfText = (text: string): Label | undefined => labelNamed(folded(text));

export interface LabelForms {
  /** The label as a policy names it. */
  readonly normal: Label;
  /** Labels of HL7 that were probably meant, the most probable one first. `|R` is a code without its system. */
  readonly near: readonly Label[];
}

function read(label: Label): LabelForms {
  const at = label.lastIndexOf('|');
  const system = label.slice(0, at);
  const text = label.slice(at + 1);
  const code = folded(text);
  const named = normalSystem(system);
  // Without a letter or a digit there is nothing to read.
  if (code === '') return { normal: `${named}|${text.trim()}`, near: [UNREADABLE_LABEL] };
  const { meant, isForeign } = nearSystem(system);
  const byName = labelNamed(code);
  const near = [
    ...(meant === undefined ? [] : [`${meant}|${code}`]),
    ...(byName === undefined ? [] : [byName]),
    ...(isForeign ? [] : [`|${code}`]),
  ];
  return { normal: `${named}|${code}`, near };
}
/** Payers use few labels, and a search asks for each record. */
const known = new BoundedMap<Label, LabelForms>(5000);

/** The forms by which a policy is asked about a label, or about the label that a tag stands for. */
export function formsOf(given: Label): LabelForms {
  const label = tagged(given);
  let forms = known.get(label);
  if (forms === undefined) known.set(label, (forms = read(label)));
  return forms;
}
/**
 * The label as a policy names it: HL7's systems by their own names, and codes by letters and digits alone, because
 * `42 cfr part-2` can only mean `42CFRPart2`.
 */
export const normalLabel = (label: Label): Label => formsOf(label).normal;
