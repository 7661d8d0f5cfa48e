import { hash } from 'node:crypto';
import { dateRange, isObject } from '@provider-access/fhir';
import { faultOf, type PolicyReading, readFile, type Schema } from '../../policy-file.ts';
import { type Label, UNREADABLE_LABEL } from '../names.ts';
import { DEFAULT_CODES, DEFAULT_LIST_DATE, DEFAULT_LIST_SOURCE } from './default-list.ts';

/** Codes of one system that have one label. Dates are FHIR dates, both included. */
interface ListedCodes {
  readonly system: string;
  readonly codes: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly label: Label;
  /** What forbids the disclosure, for people: `42 CFR Part 2`. */
  readonly law: string;
}
/** Codes that reveal something sensitive. Plain data, so that worker threads can receive it. */
export interface CodeList {
  /** What a reason names the list by, such as its date: `2026-08-22`. */
  readonly list: string;
  readonly source: string;
  readonly entries: readonly ListedCodes[];
}
/** A file with a list. `default` is false if the file replaces the built-in list. */
export interface CodeListFile extends CodeList {
  readonly default: boolean;
}

const PART_2: Label = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|42CFRPart2';

/** CMS's own list, which is in force without any file (docs/sensitive-data.md). */
export const DEFAULT_LIST: CodeList = {
  list: DEFAULT_LIST_DATE,
  source: DEFAULT_LIST_SOURCE,
  entries: DEFAULT_CODES.map(({ codes, ...rest }) => ({
    ...rest,
    codes: codes.trim().split(' '),
    label: PART_2,
    law: '42 CFR Part 2',
  })),
};

/** The lists that are in force together: the built-in one, unless a file replaces it, and those of all files. */
export const listsOf = (files: readonly CodeListFile[]): readonly CodeList[] => [
  ...(files.every((file) => file.default) ? [DEFAULT_LIST] : []),
  ...files.map(({ list, source, entries }) => ({ list, source, entries })),
];

/**
 * Names the lists: equal lists have one digest in every process.
 * @param lines labels of which a line of a claim is withheld alone: they decide what is stored, as the lists do
 */
export const digestOf = (lists: readonly CodeList[], lines: readonly Label[] = []): string =>
  hash('sha256', JSON.stringify(lines.length === 0 ? lists : [lists, lines]), 'base64url').slice(0, 10);

/** A reason quotes names, and is a part of a label. */
const NAME = /^[A-Za-z0-9][\w .,§()/-]{0,59}$/;
const LABEL = /^\S+\|\S+$/;
const CODE = /^[A-Za-z0-9][A-Za-z0-9.\- ]{0,29}$/;
const SYSTEM = /^[^\s|#]{1,200}$/;
const MOST_CODES = 100_000;

const isName = (value: unknown): boolean => typeof value === 'string' && NAME.test(value);
const datesOf = (date: unknown) => (typeof date === 'string' ? dateRange(date) : undefined);

const FILE: Schema = {
  list: (value) => (isName(value) ? undefined : '"list" must be the date or name of the list'),
  source: (value) =>
    typeof value === 'string' && value !== '' ? undefined : '"source" must say where the list comes from',
  default: (value = true) => (typeof value === 'boolean' ? undefined : '"default" must be true or false'),
  labels: faultOfLabels,
};
const ENTRY: Schema = {
  label: (value) =>
    typeof value === 'string' && LABEL.test(value) && value.length <= 120 && value !== UNREADABLE_LABEL
      ? undefined
      : 'needs "label": system|code of a security label',
  law: (value) => (isName(value) ? undefined : 'needs "law": what forbids the disclosure'),
  system: (value) => (typeof value === 'string' && SYSTEM.test(value) ? undefined : 'needs "system": the code system'),
  from: (value) => (value === undefined || datesOf(value) !== undefined ? undefined : 'has a "from" that is no date'),
  to: (value) => (value === undefined || datesOf(value) !== undefined ? undefined : 'has a "to" that is no date'),
  codes: (value) => {
    if (!Array.isArray(value) || value.length === 0) return 'needs "codes": a list of codes';
    const wrong = (value as unknown[]).findIndex((code) => typeof code !== 'string' || !CODE.test(code));
    return wrong < 0 ? undefined : `has a code, the ${wrong + 1}. one, that is no code`;
  },
};

/** Reads a file with a list of codes. */
export function readCodeList(text: string): PolicyReading<CodeListFile> {
  const reading = readFile<Omit<CodeListFile, 'entries'> & { readonly labels: readonly ListedCodes[] }>(text, FILE);
  if (!reading.ok) return reading;
  const { list, source, default: builtIn = true, labels } = reading.policy;
  return { ok: true, policy: { list, source, default: builtIn, entries: labels } };
}

function faultOfLabels(labels: unknown): string | undefined {
  if (!Array.isArray(labels)) return '"labels" must be a list';
  let codes = 0;
  for (const [at, entry] of (labels as unknown[]).entries()) {
    const wrong = isObject(entry) ? (faultOf(ENTRY, entry) ?? faultOfPeriod(entry)) : 'must be an object';
    if (wrong !== undefined) return `"labels" entry ${at + 1} ${wrong}`;
    codes += (entry as ListedCodes).codes.length;
  }
  return codes > MOST_CODES ? `has more than ${MOST_CODES} codes` : undefined;
}
function faultOfPeriod({ from, to }: Readonly<Record<string, unknown>>): string | undefined {
  const [start, end] = [datesOf(from), datesOf(to)];
  return start !== undefined && end !== undefined && end.end <= start.start ? 'ends before it begins' : undefined;
}
