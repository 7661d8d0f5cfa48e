import { hostname } from 'node:os';
import { ConfigurationError, misspelled } from '@provider-access/service/config';
import { describe, expect, test } from 'vitest';
import { SERVICES } from '@provider-access/events';
import { envOf } from '../src/services.ts';
import { settings } from '../src/settings.ts';
import { FOREIGN_VARIABLES } from './foreign-variables.ts';
import { mistakes } from './mistakes.ts';

/** Finding U16: what `npm start` and the services make of an environment. */

const namesOf = (process: Parameters<typeof envOf>[0]): string[] => envOf(process).map(({ name }) => name);
const READ = envOf('standalone');
const FOREIGN = Object.values(FOREIGN_VARIABLES).reduce((all, some) => ({ ...all, ...some }), {});
const IGNORED = [...new Set(SERVICES.flatMap(namesOf))].filter((name) => !READ.some((v) => v.name === name));

function sentence(env: Record<string, string>): string {
  try {
    settings([], { ...env });
    return 'it starts';
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  }
}

describe('U16: a mistake in the environment', () => {
  const all = mistakes(200, 28, READ, IGNORED, FOREIGN);

  test('is one of 200 of every kind', () => {
    expect(all).toHaveLength(200);
    expect(new Set(all.map(({ kind }) => kind)).size).toBe(16);
  });

  test.each(all)('$kind: $names ends the start with a sentence that names it', ({ env, names, meant }) => {
    const found = sentence(env);
    expect(found.startsWith(`${names}: `), found).toBe(true);
    expect(found).not.toContain('HUSHED');
    expect(found).not.toContain('\n');
    if (meant !== undefined) expect(found).toContain(`did you mean ${meant}?`);
  });

  test.each([
    ['PROT', 'PORT'],
    ['POTR', 'PORT'],
    ['HSOT', 'HOST'],
    ['port', 'PORT'],
    ['SECURITY_LABEL_POLICY_FILE', 'SECURITY_LABELS_FILE'],
    ['SECURITY_LABELS', 'SECURITY_LABELS_FILE'],
    ['PROFILE_POLICIES_FILE', 'PROFILE_POLICY_FILE'],
    ['INTERNL_PORT', 'INTERNAL_PORT'],
    ['DATA_FOLDER', 'DATA_DIR'],
    ['PA_LOG_LEVEL', 'LOG_LEVEL'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS_FILE'],
    ['OTEL_EXPORTER_OTLP_ENDPIONT', 'OTEL_EXPORTER_OTLP_ENDPOINT'],
  ])('%s was meant to be %s', (name, meant) => {
    expect(sentence({ [name]: '8081' })).toBe(
      `${name}: is not known here; did you mean ${meant}? (If it is for another program, set it to nothing.)`,
    );
    expect(sentence({ [name]: '' })).toBe('it starts');
  });

  test('several variables that npm start ignores are named in one sentence', () => {
    expect(sentence({ ADMINISTRATOR_TOKENS_FILE: '/x' })).toBe(
      'ADMINISTRATOR_TOKENS_FILE: has no effect in npm start, which keeps everything in DATA_DIR; unset it, or run ' +
        'the services as processes of their own (docs/deployment.md)',
    );
    expect(sentence({ KAFKA_BROKERS: 'k:9092', MONGODB_URI: 'mongodb://m' })).toMatch(
      /^KAFKA_BROKERS, MONGODB_URI: have no effect in npm start/,
    );
  });

  test.each(['http://pa.example/fhir', 'https://pa.example/a/b/', 'https://user:pass@pa.example'])(
    'PUBLIC_URL %s is more than the address of a server',
    (url) => {
      expect(sentence({ PUBLIC_URL: url, ALLOW_PLAIN_HTTP: 'true' })).toMatch(
        /^PUBLIC_URL: must be scheme, host and port alone, without \/fhir or another path/,
      );
    },
  );
});

describe('U16: variables of other programs', () => {
  test('are a thousand names of shells, desktops, npm, CI systems, clouds and Kubernetes', () => {
    expect(Object.keys(FOREIGN).length).toBeGreaterThan(1000);
  });

  test.each(Object.entries(FOREIGN_VARIABLES))('%s: none of them stops npm start or a service', (_, variables) => {
    for (const [name, value] of Object.entries(variables)) expect(sentence({ [name]: value }), name).toBe('it starts');
    for (const process of SERVICES) expect(misspelled(variables, namesOf(process))).toEqual([]);
  });

  test('may be called like ours: HOST of tcsh and of conda, and the address of a Service called internal', () => {
    const tcsh = { HOSTTYPE: 'x86_64-linux', MACHTYPE: 'x86_64', VENDOR: 'unknown', HOST: hostname() };
    expect(settings([], tcsh).HOST).toBe('127.0.0.1');
    const conda = { CONDA_TOOLCHAIN_HOST: 'x86_64-conda-linux-gnu', HOST: 'x86_64-conda-linux-gnu' };
    expect(settings([], conda).HOST).toBe('127.0.0.1');
    expect(settings([], { INTERNAL_PORT: 'tcp://10.0.0.1:80' }).INTERNAL_PORT).toBeUndefined();
    expect(settings([], { INTERNAL_PORT: '8081' }).INTERNAL_PORT).toBe(8081);
    expect(sentence({ HOST: '0.0.0.0' })).toMatch(/^HOST: is not loopback/);
  });

  test('the environment in which this test runs starts', () => {
    const { KAFKA_BROKERS: _, MONGODB_URI: __, ...own } = process.env;
    expect(sentence(own as Record<string, string>)).toBe('it starts');
  });

  test.each(SERVICES)('a variable of another process is no mistake in %s', (process) => {
    const all = [...READ.map(({ name }) => name), ...IGNORED];
    expect(misspelled(Object.fromEntries(all.map((name) => [name, 'x'])), namesOf(process))).toEqual([]);
  });
});
