/**
 * zlib's crc32_combine (crc32.c, `multmodp` and `x2nmodp`): the CRC-32 of a concatenation from the CRCs of its pieces,
 * without their bytes. https://github.com/madler/zlib/blob/v1.3.1/crc32.c
 */
const POLYNOMIAL = 0xedb88320;

/** a(x) * b(x) mod p(x), reflected; a is not zero. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let m = 1 << 31; ; m >>>= 1) {
    if ((a & m) !== 0) {
      product ^= b;
      if ((a & (m - 1)) === 0) return product >>> 0;
    }
    b = (b & 1) !== 0 ? (b >>> 1) ^ POLYNOMIAL : b >>> 1;
  }
}

/** x^(2^n) mod p(x) */
const POWERS: readonly number[] = (() => {
  const table = [1 << 30];
  for (let n = 1; n < 32; n++) table.push(multiply(table[n - 1]!, table[n - 1]!));
  return table;
})();

/** x^(8 * length) mod p(x): the effect of `length` more bytes on a CRC. */
function shift(length: number): number {
  let power = 1 << 31;
  for (let n = length, k = 3; n > 0; n = Math.floor(n / 2), k++)
    if (n % 2 === 1) power = multiply(POWERS[k & 31]!, power);
  return power;
}

/** CRC-32 of A followed by B, from the CRC of each and the length of B in bytes. */
export function crc32Combine(a: number, b: number, lengthOfB: number): number {
  return lengthOfB === 0 ? a >>> 0 : (multiply(shift(lengthOfB), a) ^ b) >>> 0;
}
