import { existsSync } from 'node:fs';

/**
 * `--import` loads this into a process under test. While the file `UNREADABLE` exists, the process is a release with a
 * fault: its projections and facts throw at each record that has `MARK` in it. Intake and everything else read such a
 * record.
 */
const file = process.env['UNREADABLE'];
const MARK = 'nobody can project this';
/** The place where views and facts read records of the platform. */
const READERS = /\/libs\/facts\/dist\/(records\/projections|registrations|client-details)\.js/;

if (file !== undefined) {
  const isMarked = (text: unknown): boolean =>
    typeof text === 'string'
      ? text.includes(MARK)
      : text instanceof Uint8Array && Buffer.from(text.buffer, text.byteOffset, text.byteLength).includes(MARK);
  const refuse = (text: unknown): void => {
    if (isMarked(text) && existsSync(file) && READERS.test(new Error().stack ?? ''))
      throw new RangeError('a fault that a test has put here');
  };
  const { parse } = JSON;
  JSON.parse = (text: string, reviver?: Parameters<typeof parse>[1]): unknown => {
    refuse(text);
    return parse(text, reviver);
  };
  // The view of records gets what its own process wrote without parsing it again, as a text or as bytes, and counts the
  // bytes of the line.
  const { byteLength } = Buffer;
  Buffer.byteLength = (text: Parameters<typeof byteLength>[0], encoding?: BufferEncoding): number => {
    refuse(text);
    return byteLength(text, encoding);
  };
}
