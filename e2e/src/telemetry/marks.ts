import { randomUUID } from 'node:crypto';

/**
 * Data that cannot be confused with anything else, one for each kind that must not leave by telemetry or errors. Each
 * kind has its own word, so that a finding shows where it came from.
 */
export const MARK = {
  // New in each run, because a platform may be shared.
  member: `m-zqxjvkmember-${randomUUID().slice(0, 8)}`,
  other: 'm-zqxjvkother-2',
  family: 'Zqxjvkfamily',
  given: 'Zqxjvkgiven',
  birthDate: '1903-02-05',
  street: '17 Zqxjvkstreet Lane',
  city: 'Zqxjvkcity',
  postalCode: 'ZQXJVK99',
  phone: '555-010-7739',
  email: 'zqxjvkmail@zqxjvk.example',
  card: 'ZQXJVKCARD123456789',
  ssn: '987-65-4321',
  diagnosis: 'Zqxjvkdiagnosis',
  search: 'Zqxjvksearch',
  path: 'Zqxjvkpath',
  header: 'zqxjvkheader',
  body: 'Zqxjvkbody',
  reason: 'Zqxjvkreason',
} as const;

/**
 * The beginning of a word is long enough not to occur by chance. Three letters occur in one receipt of 1,400, and in
 * the bytes of a hundred thousand trace ids.
 */
const WORDS = ['zqxjvk', MARK.birthDate, MARK.phone, MARK.ssn];
/** Every encoding in which a word could leave: plain, hex, and base64 at each of three offsets. */
const SHAPES = WORDS.flatMap((word) => [word, Buffer.from(word).toString('hex')]);
/** Longer marks, whose base64 cannot occur by chance. */
const LONG = Object.values(MARK)
  .filter((mark) => mark.length >= 9)
  .flatMap((mark) => [...base64(mark), ...base64(mark.toLowerCase())]);

function base64(word: string): string[] {
  return [0, 1, 2].map((shift) => {
    const whole = Buffer.from(' '.repeat(shift) + word)
      .toString('base64')
      .replace(/=+$/, '');
    // The characters at both ends also hold bits of their neighbours.
    return whole.slice(shift === 0 ? 0 : shift + 1, -1);
  });
}

/** The first place where a text holds part of a mark, with the text around it. */
export function markIn(text: string): string | undefined {
  const lower = text.toLowerCase();
  const at = [...SHAPES.map((shape) => lower.indexOf(shape)), ...LONG.map((shape) => text.indexOf(shape))]
    .filter((i) => i >= 0)
    .sort((a, b) => a - b)[0];
  return at === undefined ? undefined : text.slice(Math.max(0, at - 60), at + 60);
}
/** The place of the mark in each text that holds one. */
export const marked = (texts: Iterable<string>): string[] => [...texts].flatMap((text) => markIn(text) ?? []);
