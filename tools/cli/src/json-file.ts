import { readFileSync } from 'node:fs';
import { CliError, EXIT } from './output.ts';

/** The text of a JSON file. @throws CliError if it is none */
export function readJson(file: string): string {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(EXIT.usage, `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    JSON.parse(content);
  } catch {
    throw new CliError(EXIT.usage, `${file} is not JSON`);
  }
  return content;
}
