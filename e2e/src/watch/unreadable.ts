import { existsSync } from 'node:fs';

/**
 * `--import` loads this into a process under test. While the file `UNREADABLE` exists, the process is a release with a
 * fault: its projections and facts throw at each record that has `MARK` in it. Intake and everything else read such a
 * record.
 */
const file = process.env['UNREADABLE'];
const MARK = 'nobody can project this';
/** The place where views and facts decode records of the platform. */
const READERS = /\/libs\/facts\/dist\/(records\/projections|registrations|client-details)\.js/;

if (file !== undefined) {
  const parse = JSON.parse;
  JSON.parse = (text: string, reviver?: Parameters<typeof parse>[1]): unknown => {
    if (typeof text === 'string' && text.includes(MARK) && existsSync(file) && READERS.test(new Error().stack ?? '')) {
      throw new RangeError('a fault that a test has put here');
    }
    return parse(text, reviver);
  };
}
