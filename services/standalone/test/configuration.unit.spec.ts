import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { envOf, PROCESSES } from '../src/environment.ts';
import { settings } from '../src/settings.ts';
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
    expect(holders('FILES')).toEqual(['resources', 'export']);
    expect(holders('EXPORT_URL')).toEqual(['attribution']);
    expect(holders('ADMINISTRATOR_TOKENS_FILE')).toEqual(PROCESSES);
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

  test('variables of a shell, of npm, of Docker and of Kubernetes end no start', () => {
    const foreign = [
      ...['PATH', 'HOME', 'HOSTNAME', 'SHELL', 'SHLVL', 'PWD', 'OLDPWD', 'LANG', 'LC_ALL', 'TERM', 'EDITOR', 'DISPLAY'],
      ...['XDG_DATA_DIRS', 'XDG_DATA_HOME', 'XDG_RUNTIME_DIR', 'TMPDIR', 'TZ', 'MAIL', 'USER', 'LOGNAME', 'LS_COLORS'],
      ...['NODE_ENV', 'NODE_PATH', 'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'INIT_CWD', 'COLOR', 'CI', 'FORCE_COLOR'],
      ...['npm_config_cache', 'npm_lifecycle_event', 'npm_package_name', 'npm_execpath', 'npm_node_execpath'],
      ...[
        'HTTP_PROXY',
        'HTTPS_PROXY',
        'NO_PROXY',
        'http_proxy',
        'https_proxy',
        'no_proxy',
        'ALL_PROXY',
        'SSL_CERT_FILE',
      ],
      ...['SSH_AUTH_SOCK', 'SSH_CONNECTION', 'DBUS_SESSION_BUS_ADDRESS', 'GIT_EDITOR', 'JAVA_HOME', 'GOPATH', 'PS1'],
      ...['KUBERNETES_SERVICE_HOST', 'KUBERNETES_PORT_443_TCP_ADDR', 'EXPORT_SERVICE_PORT', 'AUTH_PORT', 'DOCKER_HOST'],
      ...[
        'AWS_REGION',
        'AWS_ACCESS_KEY_ID',
        'GITHUB_TOKEN',
        'VSCODE_IPC_HOOK',
        'NX_DAEMON',
        'VITEST',
        'MALLOC_ARENA_MAX',
      ],
      ...[
        'MALLOC_MMAP_THRESHOLD_',
        'MALLOC_TRIM_THRESHOLD_',
        'DATABASE_URL',
        'REDIS_URL',
        'API_KEY',
        'DEBUG',
        'VERBOSE',
      ],
    ];
    expect(() => settings([], Object.fromEntries(foreign.map((name) => [name, 'x'])))).not.toThrow();
  });

  test('of a separate service is known here too', () => {
    expect(() =>
      settings([], { KAFKA_BROKERS: 'x', FACTS_BOUND_MS: '5000', AUTH_TOKENS_PER_MINUTE: '5', MONGODB_URI: 'x' }),
    ).not.toThrow();
  });
});
