import { readFileSync } from 'node:fs';
import { type ImportKind, type ImportMap, mapOf } from '@provider-access/full-files';
import { parse } from 'yaml';
import { CliError, EXIT } from '../output.ts';
import { asCli } from './file-faults.ts';

/** @throws CliError with the place of the fault */
export function readMap(file: string, kind: ImportKind): ImportMap {
  let content: unknown;
  try {
    content = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CliError(EXIT.usage, `the map ${file} cannot be read: ${code ?? message.split('\n')[0]}`);
  }
  try {
    return mapOf(content, kind, `the map ${file}`);
  } catch (error) {
    throw asCli(error);
  }
}
