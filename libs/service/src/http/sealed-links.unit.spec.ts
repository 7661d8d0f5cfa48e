import { expect, it } from 'vitest';
import { SealedLinks } from './sealed-links.ts';

const links = new SealedLinks(() => [Buffer.alloc(32, 1)], 'test');

it.each([0, 999, 1000, 1001, 60_000, 65_500, 66_000, 1_000_000])(
  'are not made of %i equal letters, or can be read',
  (letters) => {
    // A text of equal letters fits into a link however long it is, because it is deflated.
    const items = ['a'.repeat(letters)];
    const link = links.write('c-1', items);
    expect(link === undefined).toBe(letters > 65_500);
    if (link !== undefined) expect(links.read('c-1', link)).toEqual(items);
  },
);
