import { hasRequiredCode } from '@provider-access/fhir';
import type { WalkStep } from './walk-plan.ts';

/**
 * What JSON.stringify writes of a resource, as far as the walk knows it without writing. A JSON text without escapes
 * that gives the same resource is never shorter, unless it writes a number in another way. So a text of the same
 * length, with the numbers of `unsure`, is what JSON.stringify writes.
 */
export interface Written {
  /** Number of members of all JSON objects. */
  readonly members: number;
  /** Number of characters, if no string needs an escape. */
  readonly size: number;
  /**
   * Members with a number that another text may write as short: `"value":100`, which may be `1e2`. In the order of the
   * document. Undefined if the walk cannot say them.
   */
  readonly unsure: readonly string[] | undefined;
}

/** The part of a walk that its values change. */
export interface ValueRun {
  size: number;
  unsure: string[] | undefined;
  /** Whether the resource comes from a text of ASCII without escapes, which has no control characters. */
  readonly isPlain: boolean;
}

/** The walk cannot decide. One object, because the stack of an error costs more than the walk. */
export const PASS_ON = new Error('the walk passes on');

/** The limit of a code, which is below that of a URI. The pattern of the primitive decides about longer ones. */
const LONGEST = 1024;
/** Numbers of cents below it have 15 digits at most, and no two such texts of one length give the same number. */
const LARGEST = 1e15;

/** @returns the value, which is valid */
export function checkPrimitive(value: unknown, step: WalkStep, run: ValueRun): unknown {
  if (!step.list) {
    if (!isValid(value, step, run)) throw PASS_ON;
    return value;
  }
  if (!Array.isArray(value) || value.length === 0) throw PASS_ON;
  run.size += sizeOfList(value);
  for (const item of value as unknown[]) if (!isValid(item, step, run)) throw PASS_ON;
  return value;
}

/** Brackets and commas. */
export const sizeOfList = ({ length }: readonly unknown[]): number => length + 1;

function isValid(value: unknown, step: WalkStep, run: ValueRun): boolean {
  const { check, codes } = step;
  if (check === undefined) return false;
  if (typeof value === 'string') {
    run.size += value.length + 2;
    if (!(run.isPlain && isPlainText(value, step)) && !check(value)) return false;
  } else {
    if (!check(value)) return false;
    if (typeof value === 'number') addNumber(value, step, run);
    else run.size += value === true ? 4 : 5;
  }
  return codes === undefined || hasRequiredCode(codes, value);
}

/** Whether a text without control characters is surely valid. The only white space that it can have is a blank. */
function isPlainText(value: string, { form }: WalkStep): boolean {
  if (form === undefined || value.length === 0 || value.length > LONGEST) return false;
  return form === 'text' || !value.includes(' ');
}

function addNumber(value: number, { key, list }: WalkStep, run: ValueRun): void {
  const digits = digitsOf(value);
  if (digits > 0) {
    run.size += digits;
    return;
  }
  const text = String(value);
  run.size += text.length;
  if (list) run.unsure = undefined;
  else run.unsure?.push(`"${key}":${text}`);
}

/**
 * The length of the number as JSON.stringify writes it, if no other JSON text of at most this length gives the number.
 * Otherwise 0: `100` may be `1e2`, and `0.01` may be `1e-2`. All numbers of fifteen digits have texts of their own.
 */
function digitsOf(value: number): number {
  // Nearly all numbers have two decimals at most. Others, and those below 0, have to be written.
  const cents = Math.round(value * 100);
  if (!(value >= 0.1 && cents < LARGEST && cents / 100 === value)) return value === 0 ? 1 : 0;
  let digits = 1;
  for (let limit = 10; limit <= value; limit *= 10) digits += 1;
  const rest = cents % 100;
  if (rest === 0) return value % 100 === 0 ? 0 : digits;
  return digits + (rest % 10 === 0 ? 2 : 3);
}
