import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SERVICES } from '@provider-access/events';
import { envOf } from '../src/services.ts';
import { settings } from '../src/settings.ts';
import { DATA, data, PAGE, page } from '../scripts/configuration.ts';

describe('docs/configuration', () => {
  test('is what the schemas generate (after a change: `npm run -w @provider-access/standalone configuration`)', () => {
    expect(readFileSync(PAGE, 'utf8')).toBe(page());
    expect(readFileSync(DATA, 'utf8')).toBe(data());
  });

  test.each([...SERVICES, 'standalone' as const])('every variable of %s is described, once', (name) => {
    const variables = envOf(name);
    expect(variables.filter((v) => v.description.length < 10).map((v) => v.name)).toEqual([]);
    expect(new Set(variables.map((v) => v.name)).size).toBe(variables.length);
    for (const { name: variable } of variables) expect(page()).toContain(`| \`${variable}\` |`);
  });

  test('a secret is given to the services that use it, and to no other', () => {
    const holders = (secret: string): string[] => SERVICES.filter((name) => envOf(name).some((v) => v.name === secret));
    expect(holders('TOKEN_SIGNING_KEYS_FILE')).toEqual(['auth']);
    expect(holders('OIDC_CLIENT_SECRET_FILE')).toEqual(['auth']);
    expect(holders('PAYER_TOKENS_FILE')).toEqual(['resources']);
    expect(holders('PAGE_LINK_KEYS_FILE')).toEqual(['resources']);
    expect(holders('MEMBER_HASH_KEYS_FILE')).toEqual(['attribution', 'consent']);
    expect(holders('FILES')).toEqual(['resources', 'export']);
    expect(holders('EXPORT_URL')).toEqual(['attribution']);
    expect(holders('ADMINISTRATOR_TOKENS_FILE')).toEqual(SERVICES);
  });
});

describe('a variable that no process knows', () => {
  test.each([
    ['FACT_BOUND_MS', 'FACTS_BOUND_MS'],
    ['FACTS_BOUND', 'FACTS_BOUND_MS'],
    ['PUBLIC_ULR', 'PUBLIC_URL'],
    ['DATADIR', 'DATA_DIR'],
    ['data_dir', 'DATA_DIR'],
    ['AUTH_TOKEN_PER_MINUTE', 'AUTH_TOKENS_PER_MINUTE'],
    ['AUTH_TOKENS_PER_MIN', 'AUTH_TOKENS_PER_MINUTE'],
    ['INTERNALPORT', 'INTERNAL_PORT'],
    ['PAYER_RETENTION', 'PAYER_RETENTION_DAYS'],
    ['EXPORT_KICKOFFS_PER_HOUR', 'EXPORT_KICK_OFFS_PER_HOUR'],
    ['SERVICE_DATE_FLOR', 'SERVICE_DATE_FLOOR'],
  ])('%s ends the start with the name that was meant', (name, meant) => {
    expect(() => settings([], { [name]: 'SECRET' })).toThrow(
      new RegExp(`^${name}: is not known here; did you mean ${meant}\\?`),
    );
    expect(() => settings([], { [name]: 'SECRET' })).not.toThrow(/SECRET/);
    expect(() => settings([], { [name]: '' })).not.toThrow();
  });
});
