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
  'How to: payers': [
    'publishing.md',
    'feeds.md',
    'engineer-page.md',
    'import.md',
    'send-your-roster.md',
    'coverage.md',
    'opt-outs.md',
    'notices.md',
    'attestations.md',
    'lines-of-business.md',
    'dead-letters.md',
    'disclosures.md',
    'explain.md',
    'auditing.md',
    'when-something-was-wrong.md',
    'reviewing.md',
    'signing-in.md',
    'member-link.md',
  ],
  'How to: providers': [
    'install-pa.md',
    'sandbox.md',
    'samples.md',
    'exporting.md',
    'match.md',
    'keeping-your-copy-right.md',
    'prior-authorizations.md',
    'matching.md',
    'registering.md',
    'developer-page.md',
    'client-keys.md',
    'going-to-production.md',
  ],
  'How to: operators': [
    'sizing.md',
    'deployment.md',
    'helm.md',
    'image.md',
    'kafka.md',
    'mongodb.md',
    'backup.md',
    'upgrades.md',
    'chart/upgrading.md',
    'watching.md',
    'dashboards.md',
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
    'match-rules.md',
    'apps-rules.md',
    'testing-faults.md',
  ],
  Reference: [
    'api/',
    'events/',
    'what-is-in-the-data.md',
    'reading.md',
    'export-parameters.md',
    'exporting-peers.md',
    'searching.md',
    'attachments.md',
    'search.md',
    'refusals.md',
    'roles.md',
    'configuration.md',
    'chart/index.md',
    'metrics.md',
    'topics.md',
    'redaction.md',
    'security-labels.md',
    'sensitive-data.md',
    'service-levels.md',
    'evidence.md',
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

/** Pages whose own title says nothing beside the titles of others. */
const TITLES: Readonly<Record<string, string>> = { 'charts/provider-access/README.md': 'Values of the chart' };
const titleOf = (file: string): string =>
  TITLES[file] ?? /^# (.+)$/m.exec(readFileSync(join(REPOSITORY, file), 'utf8'))?.[1]?.replaceAll('`', '') ?? file;

/** Places of every page that the navigation lists, and the folders that it lists as a whole. */
export const listed = (to: string): boolean =>
  to === 'index.md' ||
  Object.values(SECTIONS).some((entries) =>
    (entries as readonly string[]).some((entry) => (entry.endsWith('/') ? to.startsWith(entry) : to === entry)),
  );

interface Section {
  readonly text: string;
  readonly items: Item[];
}

/** Every section with its pages. A folder is one item. */
export function sections(): Section[] {
  const pages = new Map(sources().map(({ from, to }) => [to, from]));
  const page = (to: string): Item => ({ text: titleOf(pages.get(to)!), link: linkOf(to) });
  const folder = (name: string): Item => {
    const index = pages.has(`${name}index.md`) || GENERATED[name] !== undefined;
    const first = [...pages.keys()].findLast((to) => to.startsWith(name));
    return { text: (FOLDERS[name] ?? GENERATED[name])!, link: index ? `/${name}` : linkOf(first!) };
  };
  return Object.entries(SECTIONS).map(([text, entries]) => ({
    text,
    items: (entries as readonly string[])
      .filter((entry) => entry.endsWith('/') || pages.has(entry))
      .map((entry) => (entry.endsWith('/') ? folder(entry) : page(entry))),
  }));
}
const linkOf = (to: string): string => `/${to.replace(/(^|\/)index\.md$/, '$1').replace(/\.md$/, '')}`;

/**
 * The list beside each page: its own section, and a link to each other one. With every link on every page, the site
 * would have half a megabyte more.
 */
export function sidebar(): Record<string, Item[]> {
  const all = sections();
  const around = (own: string | undefined, more: readonly Item[] = []): Item[] => [
    ...all.map(({ text, items }) =>
      text === own
        ? { text, items: items.map((item) => (more.length > 0 && item.link === more[0]!.link ? more[0]! : item)) }
        : { text, link: items[0]!.link! },
    ),
    { text: 'All pages', link: '/all' },
  ];
  const generated: Readonly<Record<string, Item>> = {
    'api/': {
      text: GENERATED['api/']!,
      link: '/api/',
      items: openApi().tags.map(({ name }) => ({ text: name, link: linkOf(apiPage(name)) })),
    },
    'events/': {
      text: GENERATED['events/']!,
      link: '/events/',
      items: Object.entries(EVENT_PAGES).map(([kind, text]) => ({ text, link: `/events/${kind}` })),
    },
  };
  const keys = Object.entries(SECTIONS).flatMap(([section, entries]) =>
    (entries as readonly string[]).map((entry): [string, Item[]] => [
      `/${entry}`,
      around(section, generated[entry] === undefined ? [] : [generated[entry]]),
    ]),
  );
  return { ...Object.fromEntries(keys), '/': around(undefined) };
}

/** A page with the whole navigation. */
export const allPages = (): string =>
  `# All pages\n\n${sections()
    .map(({ text, items }) => {
      const links = items.map((item) => `- [${item.text}](.${item.link!.replace(/([^/])$/, '$1.md')})`);
      return `## ${text}\n\n${links.join('\n')}`;
    })
    .join('\n\n')}\n`;
