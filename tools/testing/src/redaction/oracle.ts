import { fateInFinancial, isMaskedAmount, isProse } from './financial.ts';
import { fateOfQuantity, holdsAmount, isMoney, isQuantity, type Fate } from './money.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The place of an element. `path` has no indexes: `Observation.component.valueQuantity`. */
interface Place {
  readonly path: string;
  readonly key: string;
  readonly parent: Fields | undefined;
  readonly financial: boolean;
  readonly authorization: boolean;
  /** `#id` of contained resources that are removed whole. */
  readonly gone: ReadonlySet<string>;
}

const FINANCIAL: ReadonlySet<string> = new Set(['ExplanationOfBenefit', 'Coverage', 'Claim']);
/** Contained resources of these types are about money as a whole. */
const WITHHELD: ReadonlySet<string> = new Set([
  'Account',
  'ChargeItem',
  'ChargeItemDefinition',
  'ClaimResponse',
  'Contract',
  'CoverageEligibilityRequest',
  'CoverageEligibilityResponse',
  'EnrollmentRequest',
  'EnrollmentResponse',
  'InsurancePlan',
  'Invoice',
  'PaymentNotice',
  'PaymentReconciliation',
]);
/** The platform writes its own version and time, and keeps these of a payer's meta. */
const META: readonly string[] = ['profile', 'security', 'tag'];
const REMOVED = '[amount removed]';
/** They may hold credentials. */
const SECRET = /(^|\.)Endpoint\.(header|text)$/;
const NUMBER = /\d|\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|hundred|thousand)\b/i;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  return value === undefined ? [] : [value];
}

/**
 * Compares a published resource with the exported one, by the rules alone. A fault is an element that is lost and is no
 * money, one that is money and still there, one with other content, or one that nobody published.
 * @returns faults as `what path`, without values; empty if the platform followed the rules
 */
export function redactionFaults(published: object, exported: object): string[] {
  const { meta: before, ...given } = published as Record<string, unknown>;
  const { meta: after, ...kept } = exported as Record<string, unknown>;
  const type = String(given['resourceType']);
  const withheld = list(given['contained'])
    .filter(isObject)
    .filter((item) => WITHHELD.has(String(item['resourceType'])));
  const gone = new Set(withheld.map(({ id }) => `#${String(id)}`));
  const root: Place = { path: type, key: '', parent: undefined, financial: false, authorization: false, gone };
  const faults = compare(given, kept, inResource(given, root));
  for (const name of META) {
    const [was, is] = [before, after].map((meta) => (isObject(meta) ? meta[name] : undefined));
    if (JSON.stringify(was) === JSON.stringify(is)) continue;
    if (name === 'profile' && FINANCIAL.has(type)) faults.push(...profileFaults(was, is, type));
    else faults.push(`changed ${type}.meta.${name}`);
  }
  return [...new Set(faults)];
}

/** A claim without its money may name the Basis profile of CARIN BB, and no profile that asks for the money. */
function profileFaults(was: unknown, is: unknown, type: string): string[] {
  const [before, after] = [list(was), list(is)].map((all) => all.map(String)) as [string[], string[]];
  const financial = /\/C4BB-ExplanationOfBenefit-(?!.*-Basis)[A-Za-z-]+(?=$|\|)/;
  const allowed = new Set(before.flatMap((one) => [one, one.replace(financial, '$&-Basis')]));
  return [
    ...after.filter((one) => !allowed.has(one)).map(() => `invented ${type}.meta.profile`),
    ...after.filter((one) => financial.test(one)).map(() => `left ${type}.meta.profile`),
    ...before
      .filter((one) => financial.test(one) && !after.includes(one.replace(financial, '$&-Basis')))
      .map(() => `lost ${type}.meta.profile`),
  ];
}

function inResource(resource: Fields, place: Place): Place {
  const type = String(resource['resourceType']);
  const financial = FINANCIAL.has(type);
  const authorization = financial && resource['use'] === 'preauthorization';
  return { ...place, path: place.key === 'contained' ? type : place.path, financial, authorization };
}

function compare(given: unknown, kept: unknown, place: Place): string[] {
  if (kept === undefined) return mayGo(given, place) ? [] : [`lost ${place.path}`];
  if (Array.isArray(given)) return Array.isArray(kept) ? compareLists(given, kept, place) : [`changed ${place.path}`];
  const fate = fateOf(given, place);
  if (fate === 'goes') return place.authorization && isMaskedAmount(kept) ? [] : [`left ${place.path}`];
  if (isObject(given)) {
    if (!isObject(kept)) return [`changed ${place.path}`];
    const inside = 'resourceType' in given ? inResource(given, place) : place;
    const added = Object.keys(kept).filter((key) => !(key in given) && !isMaskedAmount(kept[key]));
    return [
      ...added.map((key) => `added ${inside.path}.${key}`),
      ...Object.entries(given).flatMap(([key, value]) => compare(value, kept[key], childOf(given, key, inside))),
    ];
  }
  return given === kept || isMasked(given, kept, place) ? leftIn(kept, place) : [`changed ${place.path}`];
}

function childOf(parent: Fields, key: string, place: Place): Place {
  return { ...place, path: `${place.path}.${key}`, key, parent };
}

/** Pairs the elements that are left of a list with the published ones, in order. */
function compareLists(given: readonly unknown[], kept: readonly unknown[], place: Place): string[] {
  const faults: string[] = [];
  let at = 0;
  for (const [index, item] of given.entries()) {
    const next = at < kept.length ? compare(item, kept[at], place) : undefined;
    const surplus = given.length - index > kept.length - at;
    if (next?.length === 0) at += 1;
    else if (next === undefined || (surplus && mayGo(item, place))) faults.push(...compare(item, undefined, place));
    else {
      faults.push(...next);
      at += 1;
    }
  }
  if (at < kept.length) faults.push(`added ${place.path}`);
  return faults;
}

/** The rule for an element by itself. */
function fateOf(value: unknown, place: Place): Fate {
  const { key, path, parent, financial, authorization, gone } = place;
  if (SECRET.test(path)) return 'goes';
  if (financial) {
    const fate = fateInFinancial(value, path, parent, authorization);
    if (fate !== 'stays') return fate;
  }
  if (typeof value === 'string') return key === 'reference' && gone.has(value) ? 'goes' : 'stays';
  if (!isObject(value)) return 'stays';
  if (key === 'contained' && WITHHELD.has(String(value['resourceType']))) return 'goes';
  if (isMoney(value)) return 'goes';
  if (isExtension(key)) {
    const names = [value, ...list(value['extension']).filter(isObject)].map(({ url }) => String(url));
    return names.some((name) => /(^|[/#-])(currency|unitPrice)$/i.test(name)) ? 'goes' : 'stays';
  }
  const extended = parent !== undefined && 'url' in parent && key.startsWith('value');
  if (isQuantity(value)) return fateOfQuantity(value, financial, extended);
  return typeof value['system'] === 'string' && /iso:4217/i.test(value['system']) ? 'goes' : 'stays';
}

const isExtension = (key: string): boolean => key === 'extension' || key === 'modifierExtension';

/** Whether a missing element loses nothing that must stay: it is removed itself, or everything in it is. */
function mayGo(value: unknown, place: Place): boolean {
  if (Array.isArray(value)) return (value as unknown[]).every((item) => mayGo(item, place));
  if (fateOf(value, place) !== 'stays') return true;
  if (!isObject(value)) return false;
  const inside = 'resourceType' in value ? inResource(value, place) : place;
  const parts = Object.entries(value).filter(([name]) => name !== 'id' && name !== 'url');
  const goes = ([name, part]: [string, unknown]): boolean => mayGo(part, childOf(value, name, inside));
  // One half of these means something else, or nothing.
  if ('low' in value || 'high' in value || 'numerator' in value || 'denominator' in value) return parts.some(goes);
  if (place.path.endsWith('.supportingInfo')) return parts.some((part) => part[0].startsWith('value') && goes(part));
  return parts.length > 0 && parts.every(goes);
}

/**
 * In financial resources an amount inside of a text is masked. The text around the masks is unchanged, and each removed
 * part had a number.
 */
function isMasked(given: unknown, kept: unknown, { financial, path }: Place): boolean {
  if (!financial || !isProse(path) || typeof given !== 'string' || typeof kept !== 'string') return false;
  const pattern = kept.split(REMOVED).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  const match = new RegExp(`^${pattern.join('(.+?)')}$`, 's').exec(given);
  return match !== null && match.slice(1).every((gone) => NUMBER.test(gone));
}

function leftIn(kept: unknown, { financial, path }: Place): string[] {
  return financial && isProse(path) && typeof kept === 'string' && holdsAmount(kept) ? [`left ${path}`] : [];
}
