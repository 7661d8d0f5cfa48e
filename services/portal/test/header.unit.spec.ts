import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { columnsOf } from '../src/staff/imports/header.ts';

const utf16 = (text: string): Buffer => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]);

test.each<[string, string | Buffer, readonly string[]]>([
  ['commas', 'member,npi,from\nm1,2,3\n', ['member', 'npi', 'from']],
  ['semicolons and quotes', '"Id; of member";NPI;"He said ""x"""\r\n', ['Id; of member', 'NPI', 'He said x']],
  ['tabs in UTF-16', utf16('Mitglied\tArzt\nx\ty\n'), ['Mitglied', 'Arzt']],
  ['Windows-1252', Buffer.from('Straße|NPI\n', 'latin1'), ['Straße', 'NPI']],
  ['a byte order mark', '\uFEFFmember,npi\n', ['member', 'npi']],
  ['a line that names the separator', 'sep=;\na,b;c\n', ['a,b', 'c']],
  ['gzip', gzipSync('member,npi\nm1,2\n'), ['member', 'npi']],
  ['names that stand twice, or are empty', 'a,,a,b\n', ['a', 'b']],
  ['nothing', '', []],
])('the columns of a header with %s', async (_, content, columns) => {
  expect(await columnsOf(new Blob([typeof content === 'string' ? content : new Uint8Array(content)]))).toEqual(columns);
});
