import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from './paths.ts';
import { sources } from './sources.ts';

interface Item {
  readonly text: string;
  readonly link?: string;
  readonly items?: Item[];
}

/** The pages by the kind of question that they answer. Pages of a folder are listed by themselves. */
const SECTIONS = {
  Tutorials: ['tutorials/provider.md', 'tutorials/payer.md', 'tutorials/operator.md', 'tutorials/contributor.md'],
  'How to: payers': ['publishing.md', 'import.md', 'coverage.md', 'opt-outs.md', 'dead-letters.md', 'reviewing.md'],
  'How to: providers': ['exporting.md', 'client-keys.md'],
  'How to: operators': [
    'deployment.md',
    'helm.md',
    'image.md',
    'kafka.md',
    'mongodb.md',
    'backup.md',
    'upgrades.md',
    'chart/upgrading.md',
    'watching.md',
    'telemetry.md',
    'runbooks/',
  ],
  'How to: contributors': [
    'contributing.md',
    'writing.md',
    'testing.md',
    'testing-environments.md',
    'testing-model.md',
    'testing-kill-points.md',
  ],
  Reference: [
    'configuration.md',
    'chart/index.md',
    'metrics.md',
    'topics.md',
    'redaction.md',
    'service-levels.md',
    'glossary.md',
    'changelog.md',
  ],
  Background: ['regulation.md', 'architecture.md', 'flows/', 'security.md', 'performance/', 'adr/'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

const FOLDERS: Readonly<Record<string, string>> = {
  'runbooks/': 'Runbooks',
  'flows/': 'Flows',
  'performance/': 'Performance',
  'adr/': 'Decision records',
};

const titleOf = (file: string): string =>
  /^# (.+)$/m.exec(readFileSync(join(REPOSITORY, file), 'utf8'))?.[1]?.replaceAll('`', '') ?? file;

/** Places of every page that the navigation lists, and the folders that it lists as a whole. */
export const listed = (to: string): boolean =>
  to === 'index.md' ||
  Object.values(SECTIONS).some((entries) =>
    (entries as readonly string[]).some((entry) => (entry.endsWith('/') ? to.startsWith(entry) : to === entry)),
  );

/** The list beside the pages. A folder has a list of its own, so that not every page carries every link. */
export function sidebar(): Record<string, Item[]> {
  const pages = new Map(sources().map(({ from, to }) => [to, from]));
  const page = (to: string): Item => ({
    text: titleOf(pages.get(to)!),
    link: `/${to.replace(/(^|\/)index\.md$/, '$1').replace(/\.md$/, '')}`,
  });
  const folder = (name: string): Item[] => [
    { text: 'All pages', link: '/' },
    {
      text: FOLDERS[name]!,
      items: [...pages.keys()]
        .filter((to) => to.startsWith(name))
        .sort((a, b) => Number(b.endsWith('index.md')) - Number(a.endsWith('index.md')) || (a < b ? -1 : 1))
        .map(page),
    },
  ];
  const main = Object.entries(SECTIONS).map(([text, entries]) => ({
    text,
    items: (entries as readonly string[])
      .filter((entry) => entry.endsWith('/') || pages.has(entry))
      .map((entry) =>
        entry.endsWith('/')
          ? { text: FOLDERS[entry]!, link: pages.has(`${entry}index.md`) ? `/${entry}` : `/${entry}road` }
          : page(entry),
      ),
  }));
  return { ...Object.fromEntries(Object.keys(FOLDERS).map((name) => [`/${name}`, folder(name)])), '/': main };
}
