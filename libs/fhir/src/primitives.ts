import { dateRange } from './dates.ts';

/** The pattern of ids. https://hl7.org/fhir/R4/datatypes.html#id */
export const ID_PATTERN = String.raw`[A-Za-z0-9\-.]{1,64}`;
export const FHIR_ID = new RegExp(`^${ID_PATTERN}$`);
/** Whether a value can be the id of a resource, or of a member or provider in an event. */
export const isId = (value: unknown): value is string => typeof value === 'string' && FHIR_ID.test(value);

/** A JSON object (not null, not an array). */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns true when the JSON value is a legal value of the primitive. */
export type PrimitiveCheck = (value: unknown) => boolean;

// eslint-disable-next-line no-control-regex -- exactly the control characters that R4 forbids in strings
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/;
const DATE = /^\d{4}(-\d{2}(-\d{2})?)?$/;
const DATE_TIME = /^\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2}))?)?)?$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** R4: "strings SHALL NOT exceed 1024*1024 characters in size". */
const LONGEST_TEXT = 1024 * 1024;
/** The longest code, OID, date or time. Patterns with groups overflow the stack on values of megabytes. */
const LONGEST_TOKEN = 1024;
const matches =
  (pattern: RegExp, longest = LONGEST_TOKEN): PrimitiveCheck =>
  (value) =>
    typeof value === 'string' && value.length <= longest && pattern.test(value);
/** Of a date by its day, `dateRange` looks at each character. */
const DAY_LENGTH = 10;
function dated(pattern: RegExp, mayBeDay = true): PrimitiveCheck {
  const isWritten = matches(pattern);
  return (value) =>
    mayBeDay && typeof value === 'string' && value.length === DAY_LENGTH
      ? dateRange(value) !== undefined
      : isWritten(value) && dateRange(value as string) !== undefined;
}
const between =
  (low: number, high: number): PrimitiveCheck =>
  (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high;
const text: PrimitiveCheck = (value) => typeof value === 'string' && value.length > 0 && !CONTROL.test(value);

/**
 * R4's rules for primitives (https://hl7.org/fhir/R4/datatypes.html). Strings may have Unicode spaces, which HL7's
 * published regex forbids by accident.
 */
export const PRIMITIVE_CHECKS: Readonly<Record<string, PrimitiveCheck>> = {
  boolean: (value) => typeof value === 'boolean',
  integer: between(-2147483648, 2147483647),
  unsignedInt: between(0, 2147483647),
  positiveInt: between(1, 2147483647),
  decimal: (value) => typeof value === 'number' && Number.isFinite(value),
  string: text,
  markdown: text,
  xhtml: (value) => typeof value === 'string' && value.trimStart().startsWith('<div'),
  code: matches(/^[^\s]+(\s[^\s]+)*$/),
  id: isId,
  uri: matches(/^\S+$/, LONGEST_TEXT),
  url: matches(/^\S+$/, Number.POSITIVE_INFINITY),
  canonical: matches(/^\S+$/, LONGEST_TEXT),
  oid: matches(/^urn:oid:[0-2](\.(0|[1-9]\d*))+$/),
  uuid: matches(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i),
  base64Binary: matches(/^[0-9A-Za-z+/=\s]+$/, Number.POSITIVE_INFINITY),
  date: dated(DATE),
  dateTime: dated(DATE_TIME),
  instant: dated(INSTANT, false),
  time: matches(/^([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?$/),
};
