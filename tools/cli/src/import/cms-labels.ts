// Not the whole of labels: it has the profiles, which `pa` must not carry.
import { readCodeList } from '@provider-access/domain/pdex/labels/code-list';
import { isObject } from '@provider-access/fhir';
import { parse } from 'yaml';
import { CliError, EXIT } from '../output.ts';

/** How CMS writes "always" (BFD RFC 0023). */
const ALWAYS_FROM = '1970-01-01';
const ALWAYS_TO = '9999-12-31';
const MEMBERS = new Set(['system', 'code', 'startDate', 'endDate', 'comment']);
const DAY = /^\d{4}-\d{2}-\d{2}$/;

interface Group {
  readonly label: string;
  readonly law: string;
  readonly system: string;
  readonly from?: string;
  readonly to?: string;
  readonly codes: string[];
}

/**
 * The file of `SENSITIVE_CODES_FILES` that says what CMS's `security_labels.yml` says, its codes of CPT included. It
 * replaces the built-in list, which is the same list without them.
 * @param list the date or revision of CMS's file, by which reasons name it
 * @throws CliError that names the entry at fault, without its values
 */
export function codeListOf(text: string, list: string): { readonly labels: readonly Group[] } & object {
  let rows: unknown;
  try {
    // Without types, because a code such as 303.00 is no number.
    rows = parse(text, { schema: 'failsafe' });
  } catch {
    throw new CliError(EXIT.usage, 'the file is not YAML');
  }
  if (!Array.isArray(rows) || rows.length === 0) throw new CliError(EXIT.usage, 'the file must have a list of codes');
  const groups = new Map<string, Group>();
  for (const [at, row] of (rows as unknown[]).entries()) {
    const { system, code, from, to } = rowOf(row, at + 1);
    const key = JSON.stringify([system, from, to]);
    let group = groups.get(key);
    if (group === undefined)
      groups.set(
        key,
        (group = {
          label: 'http://terminology.hl7.org/CodeSystem/v3-ActCode|42CFRPart2',
          law: '42 CFR Part 2',
          system,
          ...(from !== ALWAYS_FROM && { from }),
          ...(to !== ALWAYS_TO && { to }),
          codes: [],
        }),
      );
    if (!group.codes.includes(code)) group.codes.push(code);
  }
  const file = {
    list,
    source: 'CMSgov/beneficiary-fhir-data, security_labels.yml',
    default: false,
    labels: [...groups.values()],
  };
  const read = readCodeList(JSON.stringify(file));
  if (!read.ok) throw new CliError(EXIT.usage, `the list ${read.fault}`);
  return file;
}

function rowOf(row: unknown, at: number): { system: string; code: string; from: string; to: string } {
  const wrong = (what: string): CliError => new CliError(EXIT.usage, `entry ${at} ${what}`);
  if (!isObject(row)) throw wrong('is no object');
  // An unknown member could restrict the code, or name another label.
  if (Object.keys(row).some((name) => !MEMBERS.has(name)))
    throw wrong(`has a member other than ${[...MEMBERS].join(', ')}`);
  const { system, code, startDate: from = ALWAYS_FROM, endDate: to = ALWAYS_TO } = row;
  if (typeof system !== 'string' || system === '') throw wrong('needs a system');
  if (typeof code !== 'string' || code === '') throw wrong('needs a code');
  if (typeof from !== 'string' || !DAY.test(from)) throw wrong('has a startDate that is no day');
  if (typeof to !== 'string' || !DAY.test(to)) throw wrong('has an endDate that is no day');
  return { system, code, from, to };
}
