import { hash } from 'node:crypto';
import { dateRange, isObject } from '@provider-access/fhir';
import { fault, type PolicyReading } from '../../policy-file.ts';
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

/** Names the lists: equal lists have one digest in every process. */
export const digestOf = (lists: readonly CodeList[]): string =>
  hash('sha256', JSON.stringify(lists), 'base64url').slice(0, 10);

const MEMBERS = ['list', 'source', 'default', 'labels'];
const ENTRY = ['label', 'law', 'system', 'from', 'to', 'codes'];
/** A reason quotes names, and is a part of a label. */
const NAME = /^[A-Za-z0-9][\w .,§()/-]{0,59}$/;
const LABEL = /^\S+\|\S+$/;
const CODE = /^[A-Za-z0-9][A-Za-z0-9.\- ]{0,29}$/;
const SYSTEM = /^[^\s|#]{1,200}$/;
const MOST_CODES = 100_000;

/** Reads a file with a list of codes. It ignores nothing, because a misspelt name would leave a code without label. */
export function readCodeList(text: string): PolicyReading<CodeListFile> {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return fault('is not JSON');
  }
  if (!isObject(file)) return fault('must be a JSON object');
  const strange = Object.keys(file).find((name) => !MEMBERS.includes(name));
  if (strange !== undefined) return fault(`has a member other than ${quoted(MEMBERS)}`);
  const { list, source, default: builtIn = true, labels } = file;
  if (typeof list !== 'string' || !NAME.test(list)) return fault('"list" must be the date or name of the list');
  if (typeof source !== 'string' || source === '') return fault('"source" must say where the list comes from');
  if (typeof builtIn !== 'boolean') return fault('"default" must be true or false');
  if (!Array.isArray(labels)) return fault('"labels" must be a list');
  let codes = 0;
  for (const [at, entry] of (labels as unknown[]).entries()) {
    const wrong = faultOf(entry);
    if (wrong !== undefined) return fault(`"labels" entry ${at + 1} ${wrong}`);
    codes += (entry as ListedCodes).codes.length;
  }
  if (codes > MOST_CODES) return fault(`has more than ${MOST_CODES} codes`);
  return { ok: true, policy: { list, source, default: builtIn, entries: labels as ListedCodes[] } };
}

const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');

function faultOf(entry: unknown): string | undefined {
  if (!isObject(entry)) return 'must be an object';
  if (Object.keys(entry).some((name) => !ENTRY.includes(name))) return `has a member other than ${quoted(ENTRY)}`;
  const { label, law, system, from, to, codes } = entry;
  if (typeof label !== 'string' || !LABEL.test(label) || label.length > 120 || label === UNREADABLE_LABEL)
    return 'needs "label": system|code of a security label';
  if (typeof law !== 'string' || !NAME.test(law)) return 'needs "law": what forbids the disclosure';
  if (typeof system !== 'string' || !SYSTEM.test(system)) return 'needs "system": the code system';
  const [start, end] = [from, to].map((date) => (typeof date === 'string' ? dateRange(date) : undefined));
  if (from !== undefined && start === undefined) return 'has a "from" that is no date';
  if (to !== undefined && end === undefined) return 'has a "to" that is no date';
  if (start !== undefined && end !== undefined && end.end <= start.start) return 'ends before it begins';
  if (!Array.isArray(codes) || codes.length === 0) return 'needs "codes": a list of codes';
  const wrong = (codes as unknown[]).findIndex((code) => typeof code !== 'string' || !CODE.test(code));
  return wrong < 0 ? undefined : `has a code, the ${wrong + 1}. one, that is no code`;
}
