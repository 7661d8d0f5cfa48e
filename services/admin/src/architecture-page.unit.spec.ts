import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TOPICS } from '@provider-access/events';
import { describe, expect, test } from 'vitest';
import { DECLARATIONS } from './services.ts';

/** The cells of the table "What each service owns" in docs/architecture.md, by service. */
const page = readFileSync(join(import.meta.dirname, '../../../docs/architecture.md'), 'utf8');
const section = page.slice(page.indexOf('## What each service owns'), page.indexOf('## Routes'));
const rowOf = (service: string): readonly string[] =>
  section
    .split('\n')
    .find((line) => line.replaceAll(/ +\|/g, ' |').startsWith(`| ${service} |`))
    ?.split('|')
    .slice(1, -1) ?? [];
const names = (cell: string | undefined): string[] => [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name!);

/** Topics that several services write. The text above the table names them. */
const SHARED = new Set(TOPICS.filter(({ writers }) => writers.length > 1).map(({ name }) => name));

describe.each([...DECLARATIONS])('docs/architecture.md, $service', ({ service, projections }) => {
  test('names the topics that it alone writes', () => {
    const [, , topics] = rowOf(service);
    const owned = TOPICS.filter(({ name, writers }) => !SHARED.has(name) && writers[0] === service);
    expect(
      names(topics)
        .filter((name) => name.startsWith('pa.'))
        .sort(),
    ).toEqual(owned.map(({ name }) => name).sort());
  });

  test('names the views that it keeps up', () => {
    const [, , , views] = rowOf(service);
    // For one release two versions of a view have the same name.
    expect(names(views).sort()).toEqual([...new Set(projections.map(({ owner, name }) => `${owner}_${name}`))].sort());
  });
});
