import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHART } from './paths.ts';
import { valueRows } from './values.ts';

const BEGIN = '<!-- values -->\n';
const END = '<!-- /values -->\n';

const cell = (text: string): string => text.replaceAll('|', '\\|');
function fallbackCell(value: unknown): string {
  const empty = value === '' || value === null || (typeof value === 'object' && Object.keys(value).length === 0);
  if (empty) return '';
  const json = (): string => JSON.stringify(value).replaceAll('"', '').replaceAll(',', ', ').replaceAll(':', ': ');
  return `\`${cell(typeof value === 'string' ? value : json())}\``;
}

/** The chart's README with its table as values.yaml has it. */
export function readme(): string {
  const text = readFileSync(join(CHART, 'README.md'), 'utf8');
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error('README.md of the chart has no place for the table');
  const rows = valueRows().map(
    ({ path, fallback, description }) => `| \`${path}\` | ${fallbackCell(fallback)} | ${cell(description)} |`,
  );
  const table = ['| value | default |  |', '| --- | --- | --- |', ...rows].join('\n');
  return `${text.slice(0, from + BEGIN.length)}\n${table}\n\n${text.slice(to)}`;
}

/** Words of the README besides its table: it is short like the others. */
export const wordsOfReadme = (): number => {
  const text = readme();
  return (text.slice(0, text.indexOf(BEGIN)) + text.slice(text.indexOf(END))).match(/\S*\w\S*/g)!.length;
};
