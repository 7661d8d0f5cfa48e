import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { envOf, PROCESSES } from '../src/environment.ts';
import { DATA, data, PAGE, page } from '../scripts/configuration.ts';

describe('docs/configuration', () => {
  test('is what the schemas generate (after a change: `npm run -w @provider-access/standalone configuration`)', () => {
    expect(readFileSync(PAGE, 'utf8')).toBe(page());
    expect(readFileSync(DATA, 'utf8')).toBe(data());
  });

  test.each([...PROCESSES, 'standalone' as const])('every variable of %s is described, once', (name) => {
    const variables = envOf(name);
    expect(variables.filter((v) => v.description.length < 10).map((v) => v.name)).toEqual([]);
    expect(new Set(variables.map((v) => v.name)).size).toBe(variables.length);
    for (const { name: variable } of variables) expect(page()).toContain(`| \`${variable}\` |`);
  });

  test('a secret is given to the services that use it, and to no other', () => {
    const holders = (secret: string): string[] =>
      PROCESSES.filter((name) => envOf(name).some((v) => v.name === secret));
    expect(holders('TOKEN_SIGNING_KEYS_FILE')).toEqual(['auth']);
    expect(holders('PAYER_TOKENS_FILE')).toEqual(['resources']);
    expect(holders('PAGE_LINK_KEYS_FILE')).toEqual(['resources']);
    expect(holders('MEMBER_HASH_KEYS_FILE')).toEqual(['attribution', 'consent']);
    expect(holders('FILES')).toEqual(['export']);
    expect(holders('EXPORT_URL')).toEqual(['attribution']);
    expect(holders('ADMINISTRATOR_TOKENS_FILE')).toEqual(PROCESSES);
  });
});
