/**
 * Writes what the pages know of our HTTP API, from docs/openapi.json: the types of all requests
 * (`generated/openapi.d.ts`), and the roles of each route (`generated/roles.ts`).
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '../generated');
const DOCUMENT = join(import.meta.dirname, '../../../docs/openapi.json');

/** The roles of people that each route takes: `{ 'GET /ops/slo': ['auditor', …] }`. Other routes are left out. */
function rolesOf({ paths }) {
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security = [] }]) => [
      `${method.toUpperCase()} ${path}`,
      security.flatMap(({ person = [] }) => person),
    ]),
  );
  return Object.fromEntries(routes.filter(([, roles]) => roles.length > 0));
}

/** Does nothing if the files are of this document. */
export async function writeTypes() {
  const text = readFileSync(DOCUMENT, 'utf8');
  const first = `// Of docs/openapi.json, sha256 ${createHash('sha256').update(text).digest('hex')}\n`;
  mkdirSync(FOLDER, { recursive: true });
  const write = async (name, content) => {
    const file = join(FOLDER, name);
    if (existsSync(file) && readFileSync(file, 'utf8').startsWith(first)) return;
    writeFileSync(file, first + (await content()));
  };
  await write(
    'roles.ts',
    () => `export const ROLES = ${JSON.stringify(rolesOf(JSON.parse(text)), null, 2)} as const;\n`,
  );
  await write('openapi.d.ts', async () => {
    const { default: openapiTS, astToString } = await import('openapi-typescript');
    return astToString(await openapiTS(text));
  });
}

if (import.meta.main) await writeTypes();
