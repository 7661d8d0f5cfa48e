/**
 * The scopes of an opt-out: a reference of a page, and the table of PEOPLE.md by hand that it is compared with. Neither
 * imports code of the platform.
 */

export interface Provider {
  readonly npi: string;
  readonly tin?: string;
}
/** The providers of the table: P in cardiology, another one in surgery, and one whom the member does not see. */
export interface TableParties {
  readonly p: Required<Provider>;
  readonly other: Provider;
  readonly stranger: string;
}
export interface ScopeRow {
  readonly what: string;
  readonly data: object;
  readonly type?: string;
  readonly p: 'permit' | 'deny';
  readonly other: 'permit' | 'deny';
  /** What the payer is answered; `effective` by default. */
  readonly answer?: object;
}

/** This payer, as PAYER_IDENTIFIERS names it, and another one. */
export const US = 'urn:oid:2.16.840.1.113883.6.300|12345';
const THEM = 'urn:oid:2.16.840.1.113883.6.300|67890';
export const CARDIOLOGY = '207RC0000X';
export const SURGERY = '208600000X';
const NOBODY = { status: 'effective', bars: 0 };
const DENY = { p: 'deny', other: 'deny' } as const;
const PERMIT = { p: 'permit', other: 'permit' } as const;
const specific = (...targets: object[]): object => ({ scope: 'provider-specific', targets });

/** The truth table of PEOPLE.md for all five scopes (N2 to N7), by hand. */
export function scopeTable({ p, other, stranger }: TableParties): readonly ScopeRow[] {
  return [
    { what: 'N1 no statement', data: {}, type: 'none', ...PERMIT },
    { what: 'N2 global', data: { scope: 'global' }, ...DENY },
    { what: 'N2 no scope', data: {}, ...DENY },
    {
      what: 'N4 an attribute that nobody knows',
      data: { ...specific({ npi: other.npi }), until: 'Monday' },
      ...DENY,
    },
    {
      what: 'N4 a list of another scope',
      data: { ...specific({ npi: other.npi }), categories: [SURGERY] },
      ...DENY,
    },
    { what: 'N2 this practice by NPI', data: specific({ npi: p.npi }), p: 'deny', other: 'permit' },
    { what: 'N2 this practice by TIN', data: specific({ tin: p.tin }), p: 'deny', other: 'permit' },
    { what: 'N2 another practice', data: specific({ npi: other.npi }), p: 'permit', other: 'deny' },
    { what: 'N2 both practices', data: specific({ tin: p.tin }, { npi: other.npi }), ...DENY },
    { what: 'N13 nobody whom the member sees', data: specific({ npi: stranger }), ...PERMIT, answer: NOBODY },
    { what: 'N5 treatment', data: { scope: 'purpose-specific', purposes: ['TREAT'] }, ...DENY },
    { what: 'N5 no purpose', data: { scope: 'purpose-specific' }, ...DENY },
    { what: 'N5 a purpose as text', data: { scope: 'purpose-specific', purposes: ['my bills'] }, ...DENY },
    {
      what: 'N5 payment',
      data: { scope: 'purpose-specific', purposes: ['HPAYMT', 'HOPERAT'] },
      ...PERMIT,
      answer: NOBODY,
    },
    { what: 'N6 this payer', data: { scope: 'payer-specific', payers: [THEM, US] }, ...DENY },
    { what: 'N6 no payer', data: { scope: 'payer-specific' }, ...DENY },
    { what: 'N6 another payer', data: { scope: 'payer-specific', payers: [THEM] }, ...PERMIT, answer: NOBODY },
    { what: 'N7 a category in words', data: { scope: 'provider-category', categories: ['cardiology'] }, ...DENY },
    {
      what: 'N7 the specialty of this practice',
      data: { scope: 'provider-category', categories: [CARDIOLOGY] },
      p: 'deny',
      other: 'permit',
    },
    {
      what: 'N7 the specialty of another practice',
      data: { scope: 'provider-category', categories: [SURGERY] },
      p: 'permit',
      other: 'deny',
    },
    {
      what: 'N7 a group of specialties',
      data: { scope: 'provider-category', categories: ['207R00000X'] },
      p: 'deny',
      other: 'permit',
    },
    {
      what: 'N7 the specialty of nobody whom the member sees',
      data: { scope: 'provider-category', categories: ['207N00000X'] },
      ...PERMIT,
      answer: NOBODY,
    },
    {
      what: 'N3 a scope of the first version',
      type: 'payer.member-opted-out.v1',
      data: { scope: 'purpose-specific', purposes: ['HPAYMT'] },
      ...DENY,
    },
  ];
}

/** Whom a statement concerns. Undefined for everybody; an empty list for nobody. */
export interface Reach {
  readonly identifiers?: readonly string[];
  readonly categories?: readonly string[];
}
export const identifiersOf = ({ npi, tin }: Partial<Provider>): readonly string[] => [
  ...(npi === undefined ? [] : [`npi ${npi}`]),
  ...(tin === undefined ? [] : [`tin ${tin}`]),
];
/** The list of each scope. */
const LISTS = {
  'provider-specific': 'targets',
  'purpose-specific': 'purposes',
  'payer-specific': 'payers',
  'provider-category': 'categories',
} as const;
const ABOUT = ['effectiveFrom', 'setBy', 'channel', 'reason', 'proof'];
/** Codes of v3-PurposeOfUse that are neither TREAT nor above or below it. */
const ELSEWHERE = ['HMARKT', 'HOPERAT', 'HPAYMT', 'HRESCH', 'PUBHLTH'];
/** Luhn's algorithm with the prefix 80840, as CMS defines the check digit of an NPI. */
function isNpi(npi: string): boolean {
  const sum = [...`80840${npi}`].toReversed().reduce((all, digit, at) => {
    const value = Number(digit) * (1 + (at % 2));
    return all + (value > 9 ? value - 9 : value);
  }, 0);
  return /^\d{10}$/.test(npi) && sum % 10 === 0;
}
/**
 * Whom an opt-out bars, by N2 to N7.
 *
 * @param first whether it is of the first version, whose last three scopes are global (N3)
 */
export function reachOf(data: object, first: boolean): Reach | undefined {
  const { scope = 'global', ...stated } = data as Readonly<Record<string, unknown>>;
  if (scope === 'global' || (first && scope !== 'provider-specific')) return undefined;
  const list = LISTS[scope as keyof typeof LISTS];
  const items = (stated[list] ?? []) as readonly unknown[];
  // N3, N4: what is not fully understood is global.
  if (items.length === 0 || Object.keys(stated).some((name) => name !== list && !ABOUT.includes(name)))
    return undefined;
  if (scope === 'provider-specific') {
    const targets = items as readonly Readonly<Record<string, string>>[];
    const understood = targets.every(
      ({ npi, tin, ...others }) =>
        Object.keys(others).length === 0 && (npi ?? tin) !== undefined && (npi === undefined || isNpi(npi)),
    );
    return understood ? { identifiers: targets.flatMap(identifiersOf) } : undefined;
  }
  const codes = items as readonly string[];
  if (scope === 'provider-category')
    return codes.every((code) => /^[0-9A-Z]{9}X$/.test(code)) ? { categories: codes } : undefined;
  const elsewhere = scope === 'purpose-specific' ? ELSEWHERE : [THEM];
  return codes.every((code) => elsewhere.includes(code)) ? { identifiers: [] } : undefined;
}

/** N7: whether a specialty, or an unknown one, is in one of the categories. `207R00000X` is all of `207R`. */
export const isWithin = (categories: readonly string[], specialty: string | undefined): boolean =>
  specialty === undefined ||
  categories.some((c) => c === specialty || (c.endsWith('00000X') && specialty.startsWith(c.slice(0, 4))));
