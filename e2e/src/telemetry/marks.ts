/**
 * Data that cannot be mistaken for anything else, of each kind that must not leave by telemetry or errors. A kind has its own word,
 * so that what is found says where it came from.
 */
export const MARK = {
  member: 'm-zqxmember-1',
  other: 'm-zqxother-2',
  family: 'Zqxfamily',
  given: 'Zqxgiven',
  birthDate: '1903-02-05',
  street: '17 Zqxstreet Lane',
  city: 'Zqxcity',
  postalCode: 'ZQX99',
  phone: '555-010-7739',
  email: 'zqxmail@zqx.example',
  card: 'ZQXCARD123456789',
  ssn: '987-65-4321',
  diagnosis: 'Zqxdiagnosis',
  search: 'Zqxsearch',
  path: 'Zqxpath',
  header: 'zqxheader',
  body: 'Zqxbody',
  reason: 'Zqxreason',
} as const;

const WORDS = ['zqx', MARK.birthDate, MARK.phone, MARK.ssn];
/** Any encoding in which a word could leave: as it is, in hex, in base64 at each of three places. */
const SHAPES = WORDS.flatMap((word) => [word, Buffer.from(word).toString('hex')]);
/** Longer marks, whose base64 cannot be there by chance. */
const LONG = Object.values(MARK).filter((mark) => mark.length >= 9).flatMap((mark) => [...base64(mark), ...base64(mark.toLowerCase())]);

function base64(word: string): string[] {
  return [0, 1, 2].map((shift) => {
    const whole = Buffer.from(' '.repeat(shift) + word).toString('base64').replace(/=+$/, '');
    // The characters at both ends hold bits of neighbours.
    return whole.slice(shift === 0 ? 0 : shift + 1, -1);
  });
}

/** Whether a text holds anything of a mark. */
export function isMarked(text: string): boolean {
  const lower = text.toLowerCase();
  return SHAPES.some((shape) => lower.includes(shape)) || LONG.some((shape) => text.includes(shape));
}
export const marked = (texts: Iterable<string>): string[] => [...texts].filter(isMarked);
