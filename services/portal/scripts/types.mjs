/** Writes the types of our HTTP API, from docs/openapi.json: `generated/openapi.d.ts`. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '../generated');
const DOCUMENT = join(import.meta.dirname, '../../../docs/openapi.json');

/** Does nothing if the file is of this document. */
export async function writeTypes() {
  const text = readFileSync(DOCUMENT, 'utf8');
  const first = `// Of docs/openapi.json, sha256 ${createHash('sha256').update(text).digest('hex')}\n`;
  const file = join(FOLDER, 'openapi.d.ts');
  if (existsSync(file) && readFileSync(file, 'utf8').startsWith(first)) return;
  const { default: openapiTS, astToString } = await import('openapi-typescript');
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(file, first + astToString(await openapiTS(text)));
}

if (import.meta.main) await writeTypes();
