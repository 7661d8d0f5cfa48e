import { isNpi } from '@provider-access/events';
import { dateRange } from '@provider-access/fhir';
import { CsvForm, readCsv } from '@provider-access/full-files';
import { eachInCli } from '../import/file-faults.ts';
import { CliError, EXIT } from '../output.ts';
import { type Attesting, bundleOf, HREX, MEMBER_NUMBER, payorOf, SELF, type Submitted } from './submitted.ts';

type Cells = ReadonlyMap<string, string>;
interface Column {
  readonly required?: true;
  /** Why a cell that is not empty cannot be used: the end of a sentence. */
  readonly fault?: (cell: string) => string | undefined;
}

const GENDERS: ReadonlyMap<string, string> = new Map(
  ['male', 'female', 'other', 'unknown'].flatMap((gender) => [
    [gender, gender],
    [gender[0]!, gender],
  ]),
);
const DAY = /^\d{4}-\d{2}-\d{2}$/;
/** What a CSV file of people may have. */
const COLUMNS: Readonly<Record<string, Column>> = {
  family: { required: true },
  given: { required: true },
  birth_date: {
    required: true,
    fault: (cell) =>
      DAY.test(cell) && dateRange(cell) !== undefined ? undefined : 'must be a day that exists, such as 1965-08-15',
  },
  gender: {
    required: true,
    fault: (cell) => (GENDERS.has(cell.toLowerCase()) ? undefined : 'must be male, female, other or unknown'),
  },
  member_id: {},
  subscriber_id: {},
  member_id_system: {},
  suffix: {},
  zip: {},
  npi: { fault: (cell) => (isNpi(cell) ? undefined : 'must be an NPI: ten digits with a right check digit') },
};
export const CSV_COLUMNS = Object.keys(COLUMNS);
/** More would not be read. */
const MOST_FAULTS = 20;

const columnName = (cell: string): string =>
  cell
    .trim()
    .toLowerCase()
    .replaceAll(/[\s-]+/g, '_');

/**
 * The people of a CSV file. Nothing is sent while a row has a fault, so that the file is corrected once.
 * @throws CliError with each fault, its line and its column
 */
export async function csvPeople(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  of: Attesting,
): Promise<readonly Submitted[]> {
  let header: readonly string[] | undefined;
  const people: Submitted[] = [];
  const faults: string[] = [];
  for await (const row of eachInCli(readCsv(bytes, { name, form: new CsvForm() }))) {
    if (!row.ok) faults.push(`${name} line ${row.line}: ${row.reason}`);
    else if (header === undefined) header = headerOf(row.cells, name);
    else {
      const { cells, wrong } = cellsOf(header, row.cells, of);
      faults.push(...wrong.map((fault) => `${name} line ${row.line}${fault}`));
      if (wrong.length === 0)
        people.push({ from: `line ${row.line}`, bundle: personOf(cells, `line-${row.line}`, of) });
    }
    if (faults.length >= MOST_FAULTS) break;
  }
  if (faults.length > 0)
    throw new CliError(
      EXIT.usage,
      `${faults.join('\n')}\nNothing was sent: correct the file, and run the command again.`,
    );
  if (header === undefined)
    throw new CliError(EXIT.usage, `${name} is empty: it needs a header line and a line a person`);
  return people;
}

function headerOf(cells: readonly string[], name: string): readonly string[] {
  const columns = cells.map(columnName);
  const known = `A file of people has the columns ${CSV_COLUMNS.join(', ')}.`;
  for (const [at, column] of columns.entries()) {
    if (!Object.hasOwn(COLUMNS, column))
      throw new CliError(EXIT.usage, `${name} line 1, column ${at + 1}: there is no column "${cells[at]}". ${known}`);
    if (columns.indexOf(column) !== at)
      throw new CliError(EXIT.usage, `${name} line 1, column ${at + 1}: "${cells[at]}" is there twice`);
  }
  const missing = CSV_COLUMNS.find((column) => COLUMNS[column]!.required === true && !columns.includes(column));
  if (missing !== undefined)
    throw new CliError(EXIT.usage, `${name} line 1: the column ${missing} is missing. ${known}`);
  if (!columns.includes('member_id') && !columns.includes('subscriber_id'))
    throw new CliError(EXIT.usage, `${name} line 1: one of the columns member_id, subscriber_id is missing. ${known}`);
  return columns;
}

function cellsOf(
  header: readonly string[],
  row: readonly string[],
  of: Attesting,
): { cells: Cells; wrong: readonly string[] } {
  if (row.length !== header.length)
    return { cells: new Map(), wrong: [`: has ${row.length} cells, and the header has ${header.length}`] };
  const cells = new Map(header.flatMap((column, at) => (row[at]!.trim() === '' ? [] : [[column, row[at]!.trim()]])));
  const wrong = CSV_COLUMNS.flatMap((column) => {
    const { required, fault } = COLUMNS[column]!;
    const cell = cells.get(column);
    const said = cell === undefined ? (required === true ? 'is empty' : undefined) : fault?.(cell);
    return said === undefined ? [] : [`, column ${column}: ${said}`];
  });
  if (!cells.has('member_id') && !cells.has('subscriber_id'))
    wrong.push(', column member_id: is empty, and so is subscriber_id: the payer needs one of them');
  if (!cells.has('npi') && of.npi === undefined)
    wrong.push(', column npi: is empty, and --npi names no provider who attests');
  return { cells, wrong };
}

function personOf(cells: Cells, id: string, { npi, payer, now }: Attesting): object {
  const cell = (column: string): string | undefined => cells.get(column);
  const suffix = cell('suffix');
  const zip = cell('zip');
  const patient = {
    resourceType: 'Patient',
    id,
    meta: { profile: [`${HREX}/hrex-patient-demographics`] },
    name: [
      { family: cell('family'), given: cell('given')!.split(/\s+/), ...(suffix !== undefined && { suffix: [suffix] }) },
    ],
    gender: GENDERS.get(cell('gender')!.toLowerCase()),
    birthDate: cell('birth_date'),
    ...(zip !== undefined && { address: [{ postalCode: zip }] }),
  };
  const member = cell('member_id');
  const system = cell('member_id_system');
  const subscriberId = cell('subscriber_id');
  const coverage = {
    resourceType: 'Coverage',
    id: `coverage-${id}`,
    meta: { profile: [`${HREX}/hrex-coverage`] },
    ...(member !== undefined && {
      identifier: [{ type: MEMBER_NUMBER, ...(system !== undefined && { system }), value: member }],
    }),
    status: 'active',
    ...(subscriberId !== undefined && { subscriberId }),
    beneficiary: { reference: `Patient/${id}` },
    relationship: SELF,
    payor: [payorOf(payer)],
  };
  return bundleOf(patient, coverage, cell('npi') ?? npi!, now);
}
