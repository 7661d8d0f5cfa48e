import { readFileSync } from 'node:fs';

/**
 * The release of this build: its version, and its day (YYYY-MM-DD). They stand in the `package.json` of the repository,
 * and in that of the image, which lie at the same place beside this file (ADR 0085).
 */
export const RELEASE = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
  readonly releaseDate: string;
};
