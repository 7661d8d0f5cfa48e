import type { LogRecord } from '@provider-access/engines/log';
import { recordedAt } from '../record.ts';

/**
 * What a partition of `pa.directory` lacks. The topic is compacted, so a view that is built later finds only the newest
 * version of each entry, and holes where the others were. Its projection has every record of the topic, because no
 * service reports progress there.
 */
export interface DirectoryGaps {
  /** The next offset. */
  readonly next: number;
  /** When the first record behind the last hole was recorded. What was known before is not known any more. */
  readonly until?: string;
}

const PREFIX = 'gaps of the directory ';
export const directoryGapsId = (partition: number): string => `${PREFIX}${partition}`;
export const isDirectoryGaps = (id: string): boolean => id.startsWith(PREFIX);

export function withRecord(known: DirectoryGaps | undefined, record: LogRecord): DirectoryGaps {
  const { offset } = record;
  const isHole = offset > (known?.next ?? 0);
  const until = isHole ? recordedAt(record) : known?.until;
  return { next: offset + 1, ...(until !== undefined && { until }) };
}

/**
 * When the view has read the first record of a partition of `pa.registry`. Retention may have removed the record from
 * the log since, and the view still knows what it said.
 */
export interface RegistryBeginning {
  readonly begins: string;
}
const BEGINNING = 'beginning of the registry ';
export const registryBeginningId = (partition: number): string => `${BEGINNING}${partition}`;
export const isRegistryBeginning = (id: string): boolean => id.startsWith(BEGINNING);
