import { styleText } from 'node:util';

/** The output for people and scripts. Data goes to standard output, everything else to standard error. */

/** Exit codes on which scripts can rely. */
export const EXIT = {
  ok: 0,
  /** The platform answered, and the answer is no (refused, parked, mismatch, not found). */
  refused: 1,
  /** The command was called wrongly, or a file it needs cannot be read. */
  usage: 2,
  /** The server cannot be reached, or answered 5xx: repeat later. */
  unavailable: 3,
  /** Missing or wrong credentials. */
  unauthorized: 4,
  /** The folder of `pa export` holds a finished export, so nothing was requested. */
  finished: 4,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: ExitCode;
  constructor(code: ExitCode, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Control, format and unassigned characters, line and paragraph separators. A name from outside could use them to
 * change the terminal's text.
 */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;
/** A line that is safe for a terminal: each character that could move, hide or reorder others becomes \uFFFD. */
export const printable = (line: string): string => line.replace(UNPRINTABLE, '\uFFFD');
/** JSON with the same meaning whose texts hold no such character. */
const escaped = (json: string): string =>
  json.replace(UNPRINTABLE, (character) =>
    [...Array(character.length).keys()]
      .map((i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`)
      .join(''),
  );

export interface Output {
  readonly json: boolean;
  /** The result: an object with `--json`, lines otherwise. */
  result(value: unknown, lines: readonly string[]): void;
  /** A line for people, on standard error. */
  note(line: string): void;
  /** The same for our own text, which may hold colours. */
  styled(text: string): void;
  /** Overwrites one line on a terminal; in a pipe a plain line at most every 5 s and at the end. */
  progress(label: string): Progress;
}
interface Progress {
  update(text: string): void;
  done(text: string): void;
}

const PLAIN_EVERY_MS = 5_000;
const WIDTH = 120;
const isTerminal = (stream: NodeJS.WriteStream): boolean => stream.isTTY === true && process.env['TERM'] !== 'dumb';
/** The text in a colour on a terminal, and as it is elsewhere or with NO_COLOR (https://no-color.org). */
export const painted = (colour: 'red' | 'yellow', text: string, stream: NodeJS.WriteStream): string =>
  isTerminal(stream) && (process.env['NO_COLOR'] ?? '') === ''
    ? styleText(colour, text, { validateStream: false })
    : text;

export function createOutput(
  json: boolean,
  stdout: NodeJS.WritableStream = process.stdout,
  stderr: NodeJS.WriteStream = process.stderr,
): Output {
  const terminal = isTerminal(stderr);
  // Some terminals say that they have no columns.
  const width = (): number => (stderr.columns > 0 ? stderr.columns : WIDTH);
  return {
    json,
    result(value, lines) {
      stdout.write(json ? `${escaped(JSON.stringify(value))}\n` : lines.map((line) => `${printable(line)}\n`).join(''));
    },
    note(line) {
      stderr.write(`${painted('yellow', printable(line), stderr)}\n`);
    },
    styled(text) {
      stderr.write(`${text}\n`);
    },
    progress(label) {
      let last = 0;
      return {
        update(text) {
          if (terminal) {
            stderr.write(`\r\u001b[2K${label} ${text}`.slice(0, width() + 5));
            return;
          }
          if (Date.now() - last < PLAIN_EVERY_MS) return;
          last = Date.now();
          stderr.write(`${label} ${text}\n`);
        },
        done(text) {
          stderr.write(terminal ? `\r\u001b[2K${label} ${text}\n` : `${label} ${text}\n`);
        },
      };
    },
  };
}

/** Columns padded to the widest cell. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = header.map((h, i) => Math.max(h.length, ...rows.map((r) => (r[i] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((c, i) => c.padEnd(widths[i]!))
      .join('  ')
      .trimEnd();
  return [line(header), line(widths.map((w) => '-'.repeat(w))), ...rows.map(line)];
}

/** Rows of a table of counts; `--json` has them all. */
const SHOWN = 10;

/** The number of rows and where most of them are; no lines if there are none. */
export function countLines(what: string, counts: Readonly<Record<string, number>>): string[] {
  const total = Object.values(counts).reduce((a, b) => a + b, 0);
  if (total === 0) return [];
  const most = Object.entries(counts).sort(([a, n], [b, m]) => m - n || a.localeCompare(b));
  const rest = most.length > SHOWN ? [`  … ${most.length - SHOWN} more with --json`] : [];
  return [`${what}: ${total}`, ...most.slice(0, SHOWN).map(([name, count]) => `  ${name}: ${count}`), ...rest];
}
