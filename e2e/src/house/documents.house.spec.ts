import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

/** A reader who follows a citation must arrive somewhere, so links and citations are checked like code. */
const ROOT = join(import.meta.dirname, '../../..');
const git = (...args: string[]): string[] => {
  const text = execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 });
  return text.split('\n').filter((line) => line !== '');
};
/** Files of the working tree that are, or are about to be, in the repository. */
const listed = git('ls-files', '--cached', '--others', '--exclude-standard');
const files = new Set(listed.filter((file) => existsSync(join(ROOT, file))));
const folders = new Set(
  [...files].flatMap((file) => file.split('/').map((_, i, parts) => parts.slice(0, i).join('/'))),
);
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const SELF = 'e2e/src/house/documents.house.spec.ts';

/** Plans, digests and reviews that only this project's authors have. SECURITY.md has the findings of the review. */
const ELSEWHERE = /\b(?:ARCHITECTURE|SPEC|HOUSE|ENGINES|SPEED) ?(?:§|\d)|\bHOLES [A-Z]\d|\bdocs: [A-Z]{4,}|\bSPEC$/m;
const elsewhere = (text: string): boolean => ELSEWHERE.test(text);

/** Anchors of a page: GitHub's names of its headings. */
function anchorsOf(markdown: string): Set<string> {
  const found = new Set<string>();
  const seen = new Map<string, number>();
  for (const [, heading] of withoutFences(markdown).matchAll(/^#{1,6} +(.+?)\s*$/gm)) {
    const text = heading!.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const name = text.replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replaceAll(' ', '-');
    const before = seen.get(name) ?? 0;
    seen.set(name, before + 1);
    found.add(before === 0 ? name : `${name}-${before}`);
  }
  return found;
}
const withoutFences = (markdown: string): string => markdown.replaceAll(/^ *```[\s\S]*?^ *```/gm, '');
/** Targets of links and images. */
const linksIn = (markdown: string): string[] => {
  const prose = withoutFences(markdown).replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g)].map(([, target]) => target!);
};
/** Pages that a text names by their path from the root, with an anchor or without. */
const NAMED = /(?<![\w/.-])(?:docs\/[\w/.-]+\.md(?:#[\w-]+)?|(?:SECURITY|CONTRIBUTING|CHANGELOG)\.md#[\w-]+)/g;
const namedIn = (text: string): string[] => [...text.matchAll(NAMED)].map(([name]) => name);

/** Left out: descriptions of variables, and the words of `npm start` before anything serves pages. */
const isPrinted = (file: string): boolean =>
  file.endsWith('.ts') &&
  !/spec\.ts$|\/(?:test|testing)\/|\/config(?:\/[\w-]+)?\.ts$|^services\/standalone\/src\//.test(file);
const withoutComments = (source: string): string => source.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');

/** What is wrong with a path and anchor, undefined when both are there. */
function fault(path: string, anchor: string | undefined): string | undefined {
  if (!files.has(path) && !folders.has(path)) return `${path} is not in the repository`;
  if (anchor === undefined || anchor === '' || !path.endsWith('.md')) return undefined;
  return anchorsOf(read(path)).has(anchor) ? undefined : `${path} has no heading #${anchor}`;
}
function faultOfLink(from: string, target: string): string | undefined {
  if (/^[a-z][a-z+.-]*:/i.test(target)) return undefined;
  const [path = '', anchor] = target.split('#') as [string, string | undefined];
  return fault(
    path === '' ? from : normalize(join(dirname(from), decodeURIComponent(path))).replace(/\/$/, ''),
    anchor,
  );
}
const faultOfName = (name: string): string | undefined => fault(name.split('#')[0]!, name.split('#')[1]);

const TEXT = /\.(?:ts|mts|mjs|js|md|ya?ml|tpl|txt|sh)$|Dockerfile$/;
const texts = [...files].filter((file) => TEXT.test(file) && file !== SELF);

describe('citations', () => {
  test('name no document that is not in the repository', () => {
    expect(texts.length).toBeGreaterThan(800);
    expect(texts.filter((file) => elsewhere(read(file)))).toEqual([]);
  });

  test('of pages of the repository lead to a page and a heading', () => {
    const named = texts.flatMap((file) => namedIn(read(file)).map((name) => ({ file, fault: faultOfName(name) })));
    expect(named.length).toBeGreaterThan(100);
    expect(named.filter(({ fault }) => fault !== undefined)).toEqual([]);
  });

  /** A user has a running platform and no clone. Descriptions of variables become a page of the documentation. */
  test('in texts that a program prints are URLs of the documentation that the platform serves', () => {
    const sources = texts.filter(
      (file) =>
        /^(?:libs|services|tools\/(?:cli|sandbox))\/.*\/src\/|\/scripts\/openapi\//.test(file) && isPrinted(file),
    );
    const code = sources.map((file) => ({ file, text: withoutComments(read(file)) }));
    expect(code.flatMap(({ file, text }) => namedIn(text).map((name) => ({ file, name })))).toEqual([]);
    const urls = code.flatMap(({ file, text }) =>
      [...text.matchAll(/\/docs\/([\w/-]+)\.html(#[\w-]+)?/g)].map(([, page, anchor = '']) => ({
        file,
        fault: faultOfName(`docs/${page}.md${anchor}`),
      })),
    );
    expect(urls.length).toBeGreaterThan(8);
    expect(urls.filter(({ fault }) => fault !== undefined)).toEqual([]);
  });

  test('of decision records lead to one', () => {
    const numbers = new Set([...files].flatMap((file) => /^docs\/adr\/(\d{4})-/.exec(file)?.[1] ?? []));
    const numbersIn = (text: string): string[] => [...text.matchAll(/\bADRs? (\d{4})\b/g)].map(([, number]) => number!);
    const cited = texts.flatMap((file) => numbersIn(read(file)).map((number) => ({ file, number })));
    expect(cited.filter(({ number }) => !numbers.has(number))).toEqual([]);
  });
});

test('every link of a page leads to a file and a heading', () => {
  const pages = texts.filter((file) => file.endsWith('.md'));
  const links = pages.flatMap((page) => {
    const targets = linksIn(read(page));
    return targets.map((target) => ({ page, fault: faultOfLink(page, target) }));
  });
  expect(links.filter(({ fault }) => fault !== undefined)).toEqual([]);
});

describe('decision records', () => {
  const records = [...files].filter((file) => /^docs\/adr\/\d{4}-[a-z0-9-]+\.md$/.test(file)).sort();
  const REPLACED = 'superseded by \\[ADR \\d{4}\\]\\(\\d{4}-[a-z0-9-]+\\.md\\)';
  const STATUS = new RegExp(`^Status: (?:accepted|rejected|${REPLACED}) · (\\d{4}-\\d{2}-\\d{2})$`);
  /** Without the spaces that align the columns. */
  const index = read('docs/adr/README.md').replaceAll(/ +\|/g, ' |');

  test.each(records)('%s has its number, its status and its date', (record) => {
    const [title, blank, status, after] = read(record).split('\n');
    expect(title).toMatch(new RegExp(`^# ${/\d{4}/.exec(record)![0]} [A-Z\`]`));
    expect([blank, after]).toEqual(['', '']);
    expect(status).toMatch(STATUS);
    expect(new Date(STATUS.exec(status!)![1]!).toISOString().slice(0, 10)).toBe(STATUS.exec(status!)![1]);
  });

  test.each(records)('%s is in the index, by its title', (record) => {
    const [, number, title] = /^# (\d{4}) (.+)\n/.exec(read(record))!;
    const state = /^Status: (\w+)/m.exec(read(record))![1];
    expect(index).toContain(`| [${number}](${record.slice('docs/adr/'.length)}) | ${title} | ${state} |`);
  });

  test('two have no number in common', () => {
    const numbers = records.map((record) => /\d{4}/.exec(record)![0]);
    expect(new Set(numbers).size).toBe(numbers.length);
  });
});

describe('the patterns of these tests', () => {
  test.each([
    '(ARCHITECTURE §5)',
    'see SPEC §7.4',
    'as SPEC 7 says',
    '(docs: ENGINES)',
    'the rules: SPEC\n * §7.4',
    '(ARCHITECTURE§2)',
    '// HOLES M5.',
  ])('finds %j', (text) => {
    expect(elsewhere(text)).toBe(true);
  });
  test.each(['the specification, section 7', 'docs: https://hl7.org', 'RFC 6749 §5.2'])('lets %j pass', (text) => {
    expect(elsewhere(text)).toBe(false);
  });
  test('a page, a heading and a decision record that do not exist are faults', () => {
    expect(faultOfName('docs/nowhere.md')).toBe('docs/nowhere.md is not in the repository');
    expect(faultOfName('docs/architecture.md#nowhere')).toBe('docs/architecture.md has no heading #nowhere');
    expect(faultOfName('docs/architecture.md#one-decision')).toBeUndefined();
    const index = 'docs/adr/README.md';
    expect(faultOfLink(index, '../architecture.md#nowhere')).toBe('docs/architecture.md has no heading #nowhere');
    expect(faultOfLink(index, '#nowhere')).toBe('docs/adr/README.md has no heading #nowhere');
    expect(faultOfLink('docs/glossary.md', 'https://hl7.org/fhir')).toBeUndefined();
    expect(linksIn('[a](b.md) `[c](d.md)` ![e](<f.png>)')).toEqual(['b.md', 'f.png']);
    expect(namedIn('see docs/a.md#b, ../docs/c.md and `docs/d/e.md`.')).toEqual(['docs/a.md#b', 'docs/d/e.md']);
    const page = '# The parts\n## `a` & (b), c\n## The parts\n```\n# no\n```\n';
    expect([...anchorsOf(page)]).toEqual(['the-parts', 'a--b-c', 'the-parts-1']);
  });
});

test.each(['node/export.mjs', 'python/export.py', 'java/src/main/java/Export.java'])(
  'the sample %s has under 60 lines',
  (file) => {
    const lines = readFileSync(join(ROOT, 'docs/samples', file), 'utf8')
      .trimEnd()
      .split('\n');
    expect(lines.length).toBeLessThan(60);
  },
);

test('the first screen of the README has the two commands that work on a fresh machine', () => {
  const screen = readFileSync(join(ROOT, 'README.md'), 'utf8').split('\n').slice(0, 25);
  for (const command of ['npm ci && npm run demo', 'npm ci && npm test'])
    expect(
      screen.some((line) => line.startsWith(`${command} `)),
      command,
    ).toBe(true);
});
