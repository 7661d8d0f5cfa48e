/**
 * Deterministic random numbers: xoshiro128** seeded by a hash of the key. Each purpose has a named stream, so that the
 * draws of one purpose never change another. Member 57 is the same for any number of members, and a new purpose changes
 * no old one. https://prng.di.unimi.it/xoshiro128starstar.c
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  private constructor(state: readonly [number, number, number, number]) {
    [this.#a, this.#b, this.#c, this.#d] = state;
  }

  /** The stream of a key, e.g. `Random.keyed(seed, 'member', 57, 'claims')`. */
  static keyed(...key: readonly (string | number)[]): Random {
    return new Random(hash(key.join('\u0000')));
  }

  /** 32 random bits. */
  bits(): number {
    const result = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = rotate(this.#d, 11);
    return result;
  }

  /** Uniform in [0, 1). */
  unit(): number {
    return this.bits() / 4_294_967_296;
  }

  /** Uniform integer, both ends included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.unit() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.unit() * list.length)]!;
  }

  /** One of the values, by weights of any sum. */
  weighted<T>(table: readonly (readonly [number, T])[]): T {
    let at = this.unit() * table.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of table) if ((at -= weight) < 0) return value;
    return table[table.length - 1]![1];
  }

  /** Standard normal (Box-Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.unit())) * Math.cos(2 * Math.PI * this.unit());
  }

  /** Poisson: by Knuth's product for small means, by the normal approximation above 30. */
  poisson(mean: number): number {
    if (mean <= 0) return 0;
    if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.normal()));
    const limit = Math.exp(-mean);
    let count = 0;
    for (let product = this.unit(); product > limit; product *= this.unit()) count++;
    return count;
  }

  /** Upper-case letters and digits without the ambiguous ones. */
  token(length: number): string {
    let text = '';
    for (let i = 0; i < length; i++) text += 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'[this.bits() >>> 27]!;
    return text;
  }
}

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

/** cyrb128 (public domain): 128 bits of a string, never all zero. */
function hash(text: string): [number, number, number, number] {
  let h1 = 1_779_033_703;
  let h2 = 3_144_134_277;
  let h3 = 1_013_904_242;
  let h4 = 2_773_480_762;
  for (let i = 0; i < text.length; i++) {
    const k = text.charCodeAt(i);
    h1 = h2 ^ Math.imul(h1 ^ k, 597_399_067);
    h2 = h3 ^ Math.imul(h2 ^ k, 2_869_860_233);
    h3 = h4 ^ Math.imul(h3 ^ k, 951_274_213);
    h4 = h1 ^ Math.imul(h4 ^ k, 2_716_044_179);
  }
  h1 = Math.imul(h3 ^ (h1 >>> 18), 597_399_067);
  h2 = Math.imul(h4 ^ (h2 >>> 22), 2_869_860_233);
  h3 = Math.imul(h1 ^ (h3 >>> 17), 951_274_213);
  h4 = Math.imul(h2 ^ (h4 >>> 19), 2_716_044_179);
  return [(h1 ^ h2 ^ h3 ^ h4) | 1, h2 ^ h1, h3 ^ h1, h4 ^ h1];
}
