import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { OWN_PAGES, REPOSITORY } from './paths.ts';

/** A Markdown file of the repository and its place on the site. */
export interface Source {
  /** Path in the repository. */
  readonly from: string;
  /** Path below the root of the site, with `.md`. */
  readonly to: string;
}

/** Pages outside docs/ that readers of the site need. */
const OUTSIDE: Readonly<Record<string, string>> = {
  'SECURITY.md': 'security.md',
  'CONTRIBUTING.md': 'contributing.md',
  'CHANGELOG.md': 'changelog.md',
  'charts/provider-access/README.md': 'chart/index.md',
  'charts/provider-access/UPGRADING.md': 'chart/upgrading.md',
};

/** Only who changes the code needs them, and has the repository. Each page lists all pages, so it is large. */
const LEFT_OUT: ReadonlySet<string> = new Set(['performance/profile.md', 'performance/tried.md']);

const markdownBelow = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.md'))
        .sort()
    : [];

/** Every page that is copied. A README becomes the index of its folder. */
export function sources(): readonly Source[] {
  return [
    ...markdownBelow(join(REPOSITORY, 'docs'))
      .filter((name) => !LEFT_OUT.has(name))
      .map((name) => ({ from: `docs/${name}`, to: name.replace(/(^|\/)README\.md$/, '$1index.md') })),
    ...Object.entries(OUTSIDE).map(([from, to]) => ({ from, to })),
    ...markdownBelow(OWN_PAGES).map((name) => ({ from: `tools/site/pages/${name}`, to: name })),
  ];
}
