import { describe, expect, test } from 'vitest';
import { type Sizes, sizesOf } from './shapes.ts';
import { read, sources } from './sources.ts';

/** Parameters of a constructor, and fields of an options type, at most (docs/writing.md). */
const LIMITS = { constructors: 6, options: 8 };

interface Exception {
  /** `file#Name`. */
  readonly name: string;
  readonly size: number;
  readonly reason: string;
}
/** Options types, ten at most. The list shrinks only: a type that is within the limit leaves the list. */
const EXCEPTIONS: readonly Exception[] = [
  { name: 'libs/engines/src/blob/s3/options.ts#S3BlobOptions', size: 13, reason: 'what a bucket needs' },
  { name: 'libs/engines/src/jobs/workers.ts#WorkersOptions', size: 10, reason: 'times of a lease beside its work' },
  { name: 'libs/engines/src/log/kafka/options.ts#KafkaLogOptions', size: 11, reason: 'times that only tests set' },
  { name: 'libs/engines/src/mongo/client.ts#MongoOptions', size: 10, reason: 'times that only tests set' },
];

/** What is above the limit and not on the list, and what is on the list and within the limit. */
function faults(sizes: Sizes, limit: number, exceptions: readonly Exception[]): string[] {
  const allowed = new Map(exceptions.map(({ name, size }) => [name, size]));
  const above = [...sizes].filter(([name, size]) => size > (allowed.get(name) ?? limit));
  const within = [...allowed.keys()].filter((name) => (sizes.get(name) ?? 0) <= limit);
  return [
    ...above.map(([name, size]) => `${name} has ${size}, and ${limit} are allowed`),
    ...within.map((name) => `${name} is within the limit: take it from the list`),
  ];
}

describe('product code', () => {
  const product = sources.filter((file) => /^(?:libs|services)\//.test(file));
  const sizes = sizesOf(product.map((file) => [file, read(file)]));

  test('has ten exceptions at most', () => {
    expect(EXCEPTIONS.length).toBeLessThanOrEqual(10);
  });

  test('has constructors that take six collaborators at most', () => {
    expect(sizes.constructors.size).toBeGreaterThan(200);
    expect(faults(sizes.constructors, LIMITS.constructors, [])).toEqual([]);
  });

  test('has options types of eight fields at most', () => {
    expect(sizes.options.size).toBeGreaterThan(80);
    expect(faults(sizes.options, LIMITS.options, EXCEPTIONS)).toEqual([]);
  });
});

describe('a class or a type above the limit', () => {
  const fields = (count: number): string => Array.from({ length: count }, (_, i) => `f${i}: string;`).join(' ');
  const { constructors, options } = sizesOf([
    ['wide.ts', 'class Wide { constructor(a, b, c, d, e, private readonly f, { g }: G) {} }'],
    ['options.ts', `interface AOptions { ${fields(9)} } interface Options extends AOptions { ${fields(2)} }`],
    ['type.ts', `type BConfig = AOptions & { ${fields(9)} }; type Row = { ${fields(9)} };`],
    ['class.ts', `class CContext { ${fields(9)} private own = 1; #secret = 2; static all = 3; }`],
  ]);

  test('is found', () => {
    expect(faults(constructors, 6, [])).toEqual(['wide.ts#Wide has 7, and 6 are allowed']);
    expect([...options]).toEqual([
      ['options.ts#AOptions', 9],
      ['options.ts#Options', 2],
      ['type.ts#BConfig', 9],
      ['class.ts#CContext', 9],
    ]);
  });

  test('may be on the list, may not grow, and leaves the list when it is within the limit', () => {
    const on = (name: string, size: number): string[] => faults(constructors, 6, [{ name, size, reason: '' }]);
    expect(on('wide.ts#Wide', 7)).toEqual([]);
    expect(faults(new Map([['wide.ts#Wide', 8]]), 6, [{ name: 'wide.ts#Wide', size: 7, reason: '' }])).toHaveLength(1);
    expect(on('removed.ts#Removed', 7)).toContain('removed.ts#Removed is within the limit: take it from the list');
  });
});
