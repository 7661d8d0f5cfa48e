import type { NdjsonLine } from '@provider-access/fhir';
import { FileFault } from './fault.ts';

export type Encoding = 'UTF-8' | 'UTF-16' | 'Windows-1252';

/** Files that people take for CSV, by their first bytes. */
const NO_TEXT: readonly (readonly [magic: string, what: string])[] = [
  ['504b0304', 'an Excel workbook or another zip file: in Excel, save the sheet as "CSV UTF-8"'],
  ['d0cf11e0a1b11ae1', 'an old Excel workbook (.xls): in Excel, save the sheet as "CSV UTF-8"'],
  ['25504446', 'a PDF'],
  ['1f8b', 'gzip: give the file a name that ends in .gz'],
];
/** Enough for a byte order mark and for the pattern of UTF-16. */
const SAMPLE = 64;

/** `utf-16le` or `utf-16be`, by the mark or by the zero bytes that every other letter of Latin text has. */
function utf16Of(sample: Uint8Array): string | undefined {
  if (sample[0] === 0xff && sample[1] === 0xfe) return 'utf-16le';
  if (sample[0] === 0xfe && sample[1] === 0xff) return 'utf-16be';
  const zeros = (from: number): number => sample.filter((byte, at) => at % 2 === from && byte === 0).length;
  const most = sample.length / 4;
  if (zeros(1) > most && zeros(0) === 0) return 'utf-16le';
  return zeros(0) > most && zeros(1) === 0 ? 'utf-16be' : undefined;
}

/**
 * The encoding of a file, as far as it was read. Spreadsheets write UTF-8, UTF-16, or the one-byte encoding of Windows.
 * The first line with another letter than those of ASCII tells the first from the last.
 */
export class TextForm {
  encoding: Encoding | undefined;
  readonly #oneByte = new TextDecoder('windows-1252');

  /** The text of a line. A line that is not UTF-8 is read as Windows-1252, also where the lines before are UTF-8. */
  textOf(line: Exclude<NdjsonLine, { kind: 'too-long' }>): string {
    if (line.kind === 'not-utf8') {
      this.encoding ??= 'Windows-1252';
      return this.#oneByte.decode(line.content);
    }
    // eslint-disable-next-line no-control-regex -- every character of ASCII
    if (this.encoding === undefined && /[^\x00-\x7f]/.test(line.text)) this.encoding = 'UTF-8';
    return line.text;
  }
}

/**
 * The bytes in UTF-8, if they are UTF-16; otherwise as they are.
 * @throws FileFault that names what the file is, if it is no text
 */
export async function* utf8Of(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  form: TextForm,
): AsyncGenerator<Uint8Array> {
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  let first: Buffer | undefined = Buffer.alloc(0);
  const begin = (start: Buffer): Uint8Array => {
    const magic = start.subarray(0, 8).toString('hex');
    const what = NO_TEXT.find(([of]) => magic.startsWith(of))?.[1];
    if (what !== undefined)
      throw new FileFault('usage', `${name} is no CSV file but ${what}`, { code: 'no-csv', what });
    const utf16 = utf16Of(start.subarray(0, SAMPLE));
    if (utf16 === undefined) return start;
    form.encoding = 'UTF-16';
    decoder = new TextDecoder(utf16);
    return Buffer.from(decoder.decode(start, { stream: true }));
  };
  for await (const chunk of bytes) {
    if (first === undefined) {
      yield decoder === undefined ? chunk : Buffer.from(decoder.decode(chunk, { stream: true }));
      continue;
    }
    first = Buffer.concat([first, chunk]);
    if (first.length < SAMPLE) continue;
    yield begin(first);
    first = undefined;
  }
  if (first !== undefined) yield begin(first);
  if (decoder !== undefined) yield Buffer.from((decoder as InstanceType<typeof TextDecoder>).decode());
}
