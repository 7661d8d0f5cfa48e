import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from './paths.ts';
import { apiPage, openApi } from './reference/api.ts';
import { EVENT_PAGES } from './reference/events.ts';
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
  'How to: providers': ['sandbox.md', 'exporting.md', 'client-keys.md'],
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
    'api/',
    'events/',
    'refusals.md',
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
/** Folders of pages that are made from docs/openapi.json and docs/asyncapi.json. */
const GENERATED: Readonly<Record<string, string>> = { 'api/': 'HTTP API', 'events/': 'Events on the log' };

const titleOf = (file: string): string =>
  /^# (.+)$/m.exec(readFileSync(join(REPOSITORY, file), 'utf8'))?.[1]?.replaceAll('`', '') ?? file;

/** Places of every page that the navigation lists, and the folders that it lists as a whole. */
export const listed = (to: string): boolean =>
  to === 'index.md' ||
  Object.values(SECTIONS).some((entries) =>
    (entries as readonly string[]).some((entry) => (entry.endsWith('/') ? to.startsWith(entry) : to === entry)),
  );

/** The list beside the pages. Pages of a folder have a short one: with every link, each would have 10 KB more. */
export function sidebar(): Record<string, Item[]> {
  const pages = new Map(sources().map(({ from, to }) => [to, from]));
  const page = (to: string): Item => ({
    text: titleOf(pages.get(to)!),
    link: `/${to.replace(/(^|\/)index\.md$/, '$1').replace(/\.md$/, '')}`,
  });
  const within = (folder: string): string[] => [...pages.keys()].filter((to) => to.startsWith(folder));
  const folder = (name: string): Item => {
    const index = `${name}index.md`;
    if (GENERATED[name] !== undefined) return { text: GENERATED[name], link: `/${name}` };
    return { ...page(pages.has(index) ? index : within(name).at(-1)!), text: FOLDERS[name]! };
  };
  const main = Object.entries(SECTIONS).map(([text, entries]) => ({
    text,
    items: (entries as readonly string[])
      .filter((entry) => entry.endsWith('/') || pages.has(entry))
      .map((entry) => (entry.endsWith('/') ? folder(entry) : page(entry))),
  }));
  const ofTag = ({ name }: { readonly name: string }): Item => ({
    text: name,
    link: `/${apiPage(name).replace(/\.md$/, '')}`,
  });
  const generated = {
    '/api/': [
      { text: 'All pages', link: '/' },
      { ...folder('api/'), items: openApi().tags.map(ofTag) },
    ],
    '/events/': [
      { text: 'All pages', link: '/' },
      {
        ...folder('events/'),
        items: Object.entries(EVENT_PAGES).map(([kind, text]) => ({ text, link: `/events/${kind}` })),
      },
    ],
  };
  const short = Object.keys(FOLDERS).map((name): [string, Item[]] => [
    `/${name}`,
    [{ text: 'All pages', link: '/' }, ...(pages.has(`${name}index.md`) ? [folder(name)] : within(name).map(page))],
  ]);
  return { ...Object.fromEntries(short), ...generated, '/': main };
}
