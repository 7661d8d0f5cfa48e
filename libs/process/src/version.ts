import { readFileSync } from 'node:fs';

/** Of this build: all packages have one version. */
export const VERSION = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
