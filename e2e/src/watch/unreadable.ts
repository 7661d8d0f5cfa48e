import { existsSync } from 'node:fs';

/**
 * Loaded into a process under test by `--import`: while the file `UNREADABLE` is there, the process is a release with a
 * fault. Its projections and its facts throw at each record that has `MARK` in it; intake and everything else read such
 * a record.
 */
const file = process.env['UNREADABLE'];
const MARK = 'nobody can project this';
/** Where records of the platform are decoded for views and for facts in memory. */
const READERS = /\/libs\/facts\/dist\/(records\/projections|record)\.js/;

if (file !== undefined) {
  const parse = JSON.parse;
  JSON.parse = (text: string, reviver?: Parameters<typeof parse>[1]): unknown => {
    if (typeof text === 'string' && text.includes(MARK) && existsSync(file) && READERS.test(new Error().stack ?? '')) {
      throw new RangeError('a fault that a test has put here');
    }
    return parse(text, reviver);
  };
}
