import type { Random } from './random.ts';

/** Luhn check digit of a string of digits (ISO/IEC 7812-1). */
function luhn(digits: string): number {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    let d = digits.charCodeAt(digits.length - 1 - i) - 48;
    if (i % 2 === 0) d = d * 2 > 9 ? d * 2 - 9 : d * 2;
    sum += d;
  }
  return (10 - (sum % 10)) % 10;
}

/** The check digit of an NPI: Luhn over `80840` and its first nine digits (45 CFR 162.406). */
const npiCheckDigit = (nine: string): number => luhn(`80840${nine}`);

/** An NPI whose first nine digits are `1` and the number given (up to eight digits). */
export function npiOf(number: number): string {
  const nine = `1${String(number).padStart(8, '0')}`;
  return nine + npiCheckDigit(nine);
}

const LETTERS = 'ACDEFGHJKMNPQRTUVWXY';
const ALPHANUMERIC = `0123456789${LETTERS}`;
const DIGITS = '0123456789';
/** Positions 3 to 11 of a Medicare Beneficiary Identifier, without hyphens. */
const MBI_REST = [ALPHANUMERIC, DIGITS, LETTERS, ALPHANUMERIC, DIGITS, LETTERS, LETTERS, DIGITS, DIGITS];

/** An MBI with `S` in second place. That letter is never issued, so the MBI belongs to no person. */
export function mbiOf(random: Random): string {
  return `${random.int(1, 9)}S${MBI_REST.map((set) => set[random.int(0, set.length - 1)]).join('')}`;
}

/** Nine digits; the prefix 00 is no campus of the IRS. */
export const tinOf = (number: number): string => `00${String(number % 10_000_000).padStart(7, '0')}`;

export const memberId = (n: number): string => `m-${String(n).padStart(6, '0')}`;
