import { FILE_KINDS } from '@provider-access/events';
import { IMPORT_KINDS } from '@provider-access/full-files';
import { expect, test } from 'vitest';
import { ATTRIBUTES } from '../src/staff/imports/attributes.ts';

test('a person can name the column of each attribute that a full file may have', () => {
  expect(Object.keys(ATTRIBUTES).toSorted()).toEqual([...FILE_KINDS].toSorted());
  for (const kind of FILE_KINDS)
    // An import has a time of its own.
    expect(ATTRIBUTES[kind]).toEqual(IMPORT_KINDS[kind].attributes.filter((attribute) => attribute !== 'time'));
});
