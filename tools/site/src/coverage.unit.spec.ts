import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ABSENCES,
  ASSERTION_CHECKS,
  DENIALS,
  FAULT_REASONS,
  REQUEST_FAULTS,
  SUSPICIONS,
} from '@provider-access/events';
import { CURES, REFUSALS } from '@provider-access/kernel';
import { describe, expect, test } from 'vitest';
import { REPOSITORY } from './paths.ts';
import { apiPages, openApi } from './reference/api.ts';
import { asyncApi, eventPages } from './reference/events.ts';

/** Everything that a user meets is on a page, with what a reader needs to know about it. */
const page = (name: string): string => readFileSync(join(REPOSITORY, 'docs', name), 'utf8');
const json = <T>(name: string): T => JSON.parse(page(name)) as T;

interface Row {
  readonly name: string;
  readonly cells: readonly string[];
}
/** Rows of all tables of a page whose first cell is a name in code. */
const rowsOf = (markdown: string): Row[] =>
  [...markdown.matchAll(/^\| `([^`]+)` \|(.*)\|$/gm)].map(([, name, rest]) => ({
    name: name!,
    cells: rest!.split(' | ').map((cell) => cell.trim()),
  }));
const refusals = rowsOf(page('refusals.md'));
const WORDS = { ...DENIALS, ...ABSENCES, ...SUSPICIONS, ...ASSERTION_CHECKS };
const row = (name: string): Row | undefined => refusals.find((one) => one.name === name);

describe('docs/refusals.md has cause and remedy', () => {
  test.each(Object.entries(REFUSALS))('of the refusal %s, with its codes', (name, { status, issue, oauth }) => {
    const [is, cause, remedy, code, error, ...more] = row(name)?.cells ?? [];
    expect([is, code, error, more]).toEqual([String(status), `\`${issue}\``, `\`${oauth}\``, []]);
    expect(Math.min(cause!.length, remedy!.length), name).toBeGreaterThan(6);
  });
  test.each(Object.entries(CURES))('of the refusal %s, with the cure that an app is told', (name, cure) => {
    const plain = row(name)!
      .cells[2]!.replaceAll(/ \(\[[^\]]+\]\([^)]+\)\)/g, '')
      .replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1');
    expect(plain).toBe(cure);
  });
  test.each([
    ...Object.keys(FAULT_REASONS).filter((name) => name !== 'too-large'),
    ...Object.keys({ ...REQUEST_FAULTS, ...WORDS }),
  ])('of the reason %s', (name) => {
    expect(row(name)?.cells.filter((cell) => cell.length > 6)).toHaveLength(2);
  });
  test.each(Object.entries(WORDS))('of the reason %s, with its text', (name, text) => {
    expect(row(name)?.cells[0]).toBe(text);
  });
  test('of too-large twice: of a request and of an event', () => {
    expect(refusals.filter(({ name }) => name === 'too-large').map(({ cells }) => cells.length)).toEqual([5, 2]);
  });
  test('and names nothing that does not exist', () => {
    const known = new Set(Object.keys({ ...REFUSALS, ...FAULT_REASONS, ...REQUEST_FAULTS, ...WORDS }));
    expect(refusals.filter(({ name }) => !known.has(name))).toEqual([]);
  });
});

describe('the pages of the HTTP API', () => {
  const pages = [...apiPages().values()];
  test('have a section, a table of answers and a console for each route', () => {
    const routes = Object.entries(openApi().paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ method, path })),
    );
    expect(routes.length).toBeGreaterThan(35);
    for (const { method, path } of routes) {
      const title = `## \`${method.toUpperCase()} ${path}\`\n`;
      const found = pages.filter((text) => text.includes(title));
      expect(found, title).toHaveLength(1);
      const section = found[0]!.slice(found[0]!.indexOf(title)).split(/\n(?=## )/)[0]!;
      expect(section).toContain('| answer | meaning |');
      expect(section).toContain(`<TryIt method="${method}" path="${path}" />`);
    }
  });
});

describe('the pages of events', () => {
  const pages = eventPages();
  test('have a section for each event type, and a row for each topic', () => {
    const { channels, components } = asyncApi();
    const all = [...pages.values()].join('\n');
    for (const type of Object.keys(components.messages)) expect(all).toContain(`## \`${type}\`\n`);
    for (const topic of Object.keys(channels)) {
      expect(pages.get('events/index.md')).toContain(`| \`${topic}\` |`);
      expect(page('topics.md')).toContain(`\`${topic}\``);
    }
  });
});

test('every variable and every metric is on its page', () => {
  const variables = json<Record<string, readonly { readonly name: string }[]>>('configuration.json');
  const names = [...new Set(Object.values(variables).flatMap((all) => all.map(({ name }) => name)))];
  expect(names.length).toBeGreaterThan(50);
  expect(names.filter((name) => !page('configuration.md').includes(`\`${name}\``))).toEqual([]);
  // prom-client's own metrics have names that begin otherwise, and one sentence of the page.
  const metrics = Object.keys(json<{ readonly metrics: object }>('metrics.json').metrics).filter(
    (name) => !/^(?:nodejs|process)_/.test(name),
  );
  expect(metrics.length).toBeGreaterThan(40);
  expect(metrics.filter((name) => !page('metrics.md').includes(`\`${name}\``))).toEqual([]);
});
