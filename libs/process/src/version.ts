import { readFileSync } from 'node:fs';

/** The version of this build. All packages have the same one. */
export const VERSION = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
