import { expect, test } from 'vitest';
import { unzipped } from './unzip.ts';

/** Written by Python's zipfile: a folder, two deflated files, one stored file and a comment at the end. */
const ARCHIVE = Buffer.from(
  [
    'UEsDBBQAAAAIAFakel0AAAAAAgAAAAAAAAACAAAAYS8DAFBLAwQUAAAACABWpHpd1to/VQsAAAB4AAAACwAAAGEvZmlyc3QudHh0S8ssKi5RSK',
    'M7CQBQSwMEFAAAAAgAVqR6XRtk8dAMAAAAjAAAAA4AAABhL2Ivc2Vjb25kLnR4dCtOTc7PS1EoHgwUAFBLAwQUAAAAAAAAACEADzaiJg0AAAAN',
    'AAAACgAAAHN0b3JlZC50eHRrZXB0IGFzIGl0IGlzUEsBAhQDFAAAAAgAVqR6XQAAAAACAAAAAAAAAAIAAAAAAAAAAAAQAP1BAAAAAGEvUEsBAh',
    'QDFAAAAAgAVqR6XdbaP1ULAAAAeAAAAAsAAAAAAAAAAAAAAIABIgAAAGEvZmlyc3QudHh0UEsBAhQDFAAAAAgAVqR6XRtk8dAMAAAAjAAAAA4A',
    'AAAAAAAAAAAAAIABVgAAAGEvYi9zZWNvbmQudHh0UEsBAhQDFAAAAAAAAAAhAA82oiYNAAAADQAAAAoAAAAAAAAAAAAAAIABjgAAAHN0b3JlZC',
    '50eHRQSwUGAAAAAAQABADdAAAAwwAAAA4Ad2l0aCBhIGNvbW1lbnQ=',
  ].join(''),
  'base64',
);

test('reads a file from a zip archive', () => {
  expect(unzipped(ARCHIVE, 'a/first.txt').toString()).toBe('first '.repeat(20));
  expect(unzipped(ARCHIVE, 'a/b/second.txt').toString()).toBe('second '.repeat(20));
});

test('refuses a file that is missing, damaged or packed in another way, and a file that is no archive', () => {
  expect(() => unzipped(ARCHIVE, 'second.txt')).toThrow('The zip archive has no file second.txt.');
  expect(() => unzipped(ARCHIVE, 'stored.txt')).toThrow('stored.txt is packed by method 0 and not deflated.');
  expect(() => unzipped(Buffer.alloc(1000), 'a')).toThrow('This is no zip archive: it has no end of a directory.');
  const damaged = Buffer.from(ARCHIVE);
  // The checksum of the first file in the directory, which begins after the local files.
  const entry = damaged.indexOf('a/first.txt', damaged.indexOf(Buffer.from('PK\x01\x02'))) - 46;
  damaged.writeUInt32LE(1, entry + 16);
  expect(() => unzipped(damaged, 'a/first.txt')).toThrow('a/first.txt is damaged: its checksum is wrong.');
});
