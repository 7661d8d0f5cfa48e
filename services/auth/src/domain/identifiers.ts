/** An NPI: ten digits, the last a Luhn check digit over `80840` and the rest (45 CFR 162.406). */
export function isNpi(value: string): boolean {
  if (!/^[12]\d{9}$/.test(value)) return false;
  const digits = `80840${value}`;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    const weighted = i % 2 === 1 ? digit * 2 : digit;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}

/** A TIN as written (`12-3456789` or `123456789`). */
export const isTin = (value: string): boolean => /^\d{2}-?\d{7}$/.test(value);
