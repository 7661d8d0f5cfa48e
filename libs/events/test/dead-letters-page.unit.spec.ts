import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FAULT_REASONS } from '../src/index.ts';

it('the page about dead letters explains every reason, and no other but the one of a request', () => {
  const page = readFileSync(new URL('../../../docs/dead-letters.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z0-9-]+)` +\| (.+?) +\|$/gm)].map(([, reason, text]) => [reason, text]);
  expect(rows.filter(([reason]) => reason !== 'not-utf8')).toEqual(Object.entries(FAULT_REASONS));
});
