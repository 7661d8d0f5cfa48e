import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { baseOf, bulkExport, PLATFORM_FLAGS, PLATFORM_MALLOC, Server } from '@provider-access/cli';
import { layOut, UID, WRITTEN } from '@provider-access/image';
import { eventually, startEngines, type Engines } from '@provider-access/testing';
import { variant } from '@provider-access/testing/variant';
import { environment, startDeployment, type Spawn } from '../deployment.ts';
import { SERVICES } from '../gateway.ts';
import { holdsExactly } from '../interrupted.ts';
import { largest, publishPayer } from '../payers.ts';
import { findGroup, http, kickOff, optOut, registerApp, sealed, takesEffect, texts, type Served } from '../road.ts';
import { sharedPayer } from '../world/context.ts';
import { confine, notConfinable, type Confined } from './sandbox.ts';

const why = notConfinable();
const ENGINE_AWAY = 3;
const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8')) as {
  version: string;
};

describe.skipIf(why !== undefined)(`roles from the image, confined${why === undefined ? '' : ` (${why})`}`, () => {
  let folder: string;
  let root: string;
  let before: string;
  const running = new Set<Confined>();

  /** All files of the image with times, to show what a process wrote. */
  const fingerprint = (): string => {
    const hash = createHash('sha256');
    const visit = (at: string): void => {
      const stat = lstatSync(join(root, at));
      hash.update(`${at} ${stat.mode} ${stat.uid} ${stat.mtimeMs} ${stat.size}\n`);
      if (stat.isSymbolicLink()) hash.update(readlinkSync(join(root, at)));
      else if (stat.isFile()) hash.update(readFileSync(join(root, at)));
      else if (!WRITTEN.includes(at)) for (const name of readdirSync(join(root, at)).sort()) visit(join(at, name));
    };
    visit('');
    return hash.digest('hex');
  };
  const start = (
    args: readonly string[],
    options: {
      readonly env?: Record<string, string>;
      readonly data?: string;
      readonly program?: string;
      readonly onLine?: ((line: string) => void) | undefined;
    } = {},
  ): Confined => {
    const data = options.data ?? mkdtempSync(join(folder, 'data-'));
    const one = confine(root, { ...options, args, data });
    running.add(one);
    void one.ended.then(() => running.delete(one));
    return one;
  };
  const outcome = async (
    args: readonly string[],
    options: Parameters<typeof start>[1] = {},
  ): Promise<{ code: number | string; text: string }> => {
    const one = start(args, options);
    return { code: await one.ended, text: one.output.join('\n') };
  };
  /** Its base URL once it listens. */
  const listening = (one: Confined): Promise<string> => baseOf(one, one.args.join(' '), 180_000, one.kill);
  const ready = (base: string): Promise<void> =>
    eventually(
      async () => {
        const { status, body } = await http(`${base}/health/ready`);
        expect(status, body.toString()).toBe(200);
      },
      { timeout: 180_000 },
    );

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'image-roles-'));
    root = join(folder, 'root');
    layOut({ checkout: join(import.meta.dirname, '../../..'), out: root });
    before = fingerprint();
  }, 180_000);
  afterEach(async () => {
    for (const one of running) one.kill();
    await Promise.all([...running].map((one) => one.ended));
    expect(fingerprint()).toBe(before);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** All steps of a provider, with files that export's worker threads wrote. */
  const road = async (platform: Served): Promise<void> => {
    const payer = sharedPayer();
    const organization = largest(payer);
    await publishPayer(platform, payer);
    const app = await registerApp(platform, { name: 'Confined', npi: organization.npi, tin: organization.tin });
    const token = await app.tokens.get();
    const group = await findGroup(platform, token, organization.npi);
    const files = await texts(await sealed(await kickOff(platform, token, group.id), token), token);
    const patients = files
      .get('Patient')!
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: string }).id);
    expect(patients.sort()).toEqual(organization.visible.map(({ member }) => member).sort());
  };

  describe('their confinement', () => {
    test('is a user without groups, rights or a place to write, and no shell', async () => {
      const script = `
        const { writeFileSync, readFileSync } = require('node:fs');
        const status = readFileSync('/proc/self/status', 'utf8');
        const line = (name) => new RegExp('^' + name + ':\\\\s*(.*)$', 'm').exec(status)[1];
        const tries = (path) => { try { writeFileSync(path, 'x'); return 'written'; } catch (e) { return e.code; } };
        const programs = ['/app/bin/provider-access', '/usr/local/bin/x'];
        const paths = ['/x', '/app/x', ...programs, '/etc/passwd', '/dev/x', '/data/x', '/tmp/x'];
        console.log(JSON.stringify({
          uid: process.getuid(), gid: process.getgid(), groups: process.getgroups(), pid: process.pid,
          caps: line('CapEff'), privileges: line('NoNewPrivs'),
          writes: Object.fromEntries(paths.map((path) => [path, tries(path)])),
          shell: require('node:child_process').spawnSync('/bin/sh', ['-c', 'true']).error?.code,
        }));`;
      const { text, code } = await outcome(['-e', script], { program: '/usr/local/bin/node' });
      expect(code, text).toBe(0);
      expect(JSON.parse(text.split('\n').at(-1)!)).toEqual({
        uid: UID,
        gid: UID,
        groups: [UID],
        caps: '0000000000000000',
        privileges: '1',
        pid: 1,
        writes: {
          '/x': 'EROFS',
          '/app/x': 'EROFS',
          '/app/bin/provider-access': 'EROFS',
          '/etc/passwd': 'EROFS',
          '/usr/local/bin/x': 'EROFS',
          '/dev/x': 'EROFS',
          '/data/x': 'written',
          '/tmp/x': 'written',
        },
        shell: 'ENOENT',
      });
    });
  });

  describe('tools and wrong words', () => {
    const WORDS = [
      [['pa', '--help'], 0, 'Usage: pa'],
      [['admin', 'verify'], 1, 'KAFKA_BROKERS: must be set'],
      [['--version'], 0, version],
      [
        [],
        2,
        'No role was given; the first argument is one of auth, attribution, consent, resources, export, ' +
          'standalone, admin, pa, sandbox.',
      ],
      [['sandbox'], 1, 'SANDBOX_PAYER_URL: must be set'],
      [['exprot'], 2, 'There is no role "exprot"; the first argument is one of auth'],
    ] as const;
    /** The same programs with other words. */
    const MORE = [
      [['pa', 'probe', '--help'], 0, 'Usage: pa probe'],
      [['admin', '--help'], 0, 'provider-access-admin'],
      [['auth'], 1, 'KAFKA_BROKERS: must be set'],
      [['--help'], 0, 'standalone'],
    ] as const;
    test.each([...WORDS, ...(variant.long ? MORE : [])])(
      '%j ends with %i and says what it is about',
      async (args, code, words) => {
        const { text, code: ended } = await outcome(args);
        expect(text).toContain(words);
        expect(ended).toBe(code);
      },
    );
  });

  describe('standalone', () => {
    test('walks the road, is one process that was told what `npm start` is, and ends with 0', async () => {
      const data = mkdtempSync(join(folder, 'data-'));
      const one = start(['standalone'], { data, env: { PORT: '0', LOG_LEVEL: 'warn' } });
      const base = await listening(one);
      await ready(base);
      const proc = (file: string): string => readFileSync(`/proc/${one.pid()}/${file}`, 'utf8');
      expect(proc('cmdline').split('\0').slice(0, -1)).toEqual([
        '/usr/local/bin/node',
        '--disable-warning=TimeoutNegativeWarning',
        ...PLATFORM_FLAGS,
        '--import=/app/bin/early-signals.js',
        '/app/services/standalone/dist/main.js',
      ]);
      expect(proc('status')).toMatch(new RegExp(`^NSpid:\\s+${one.pid()}\\s+1$`, 'm'));
      expect(proc('status')).toMatch(new RegExp(`^Uid:\\s+${UID}\\s+${UID}\\s+${UID}\\s+${UID}$`, 'm'));
      expect(proc('environ').split('\0')).toContain(
        `MALLOC_TRIM_THRESHOLD_=${PLATFORM_MALLOC['MALLOC_TRIM_THRESHOLD_']}`,
      );
      const token = (role: string): string => readFileSync(join(data, `${role}.token`), 'utf8').trim();
      await road({ base, payerToken: token('payer'), administratorToken: token('administrator') });
      one.signal('SIGTERM');
      expect(await one.ended, one.output.slice(-5).join('\n')).toBe(0);
    }, 180_000);

    test('that gets SIGTERM while it starts ends', async () => {
      const one = start(['standalone'], { env: { PORT: '0' } });
      await eventually(() => expect(readFileSync(`/proc/${one.pid()}/cmdline`, 'utf8')).toContain('early-signals'), {
        interval: 5,
      });
      // Repeats it: until Node has begun, process 1 has no handler and the kernel drops the signal.
      const telling = setInterval(() => {
        try {
          one.signal('SIGTERM');
        } catch {
          // It has ended, and its exit is not reported yet.
        }
      }, 20);
      const code = await one.ended.finally(() => clearInterval(telling));
      expect([0, 143]).toContain(code);
      expect(one.output.join('\n')).not.toContain('listening on');
    });
  });

  describe('on real engines', () => {
    let engines: Engines;
    let dataDir: string;
    /** Files are in the data folder, because the variables of a bucket would be refused. */
    let addresses: Record<'KAFKA_BROKERS' | 'MONGODB_URI', string>;
    beforeAll(async () => {
      // Those of the tier beside it, if it runs.
      engines = await startEngines();
      dataDir = join(folder, 'deployment');
      mkdirSync(dataDir);
      const { KAFKA_BROKERS, MONGODB_URI } = engines.env;
      addresses = { KAFKA_BROKERS: KAFKA_BROKERS!, MONGODB_URI: MONGODB_URI! };
      // A chart gives this secret as a file.
      writeFileSync(join(dataDir, 'mongodb.uri'), MONGODB_URI!, { mode: 0o600 });
    }, 600_000);
    /** The variables of a deployment in the form for a confined process. */
    const inside = (outside: Readonly<Record<string, string>>): Record<string, string> => {
      const { PATH: _path, HOME: _home, TMPDIR: _temporary, MONGODB_URI: _uri, ...env } = outside;
      const moved = Object.entries(env).map(([name, value]) => [name, value.replace(dataDir, '/data')]);
      return { ...(Object.fromEntries(moved) as Record<string, string>), MONGODB_URI_FILE: '/data/mongodb.uri' };
    };
    afterAll(() => engines?.stop());

    test('admin plans, applies and verifies', async () => {
      const env = inside(environment({ dataDir, env: addresses }, 'http://127.0.0.1:8080'));
      // Each is a start of the program. The services, which follow, verify too.
      const STEPS = [
        ['verify', 2],
        ['plan', 0],
        ['apply', 0],
        ['verify', 0],
      ] as const;
      for (const [command, code] of variant.long ? STEPS : [STEPS[0], STEPS[2]]) {
        const run = (): ReturnType<typeof outcome> => outcome(['admin', command], { env, data: dataDir });
        let ran = await run();
        // A busy broker is too slow right after its start, and Kubernetes repeats the chart's job.
        for (let n = 0; ran.code === ENGINE_AWAY && n < 5; n += 1) ran = await run();
        expect(ran.code, `${command}: ${ran.text}`).toBe(code);
        if (command === 'plan') expect(ran.text).toMatch(/create/);
      }
      // `startDeployment` would apply again.
      writeFileSync(join(dataDir, 'applied'), '', { mode: 0o600 });
    }, 180_000);

    /**
     * A role of the image instead of a process of the build. Its data folder is /data, and its secrets are files in it.
     */
    const confined: Spawn = (role, { env: outside, args = [], onLine }) =>
      start([role, ...args], { data: dataDir, env: inside(outside), onLine });

    test('the five services take every step together', async () => {
      // Other suites may share the cores. The test checks the answers, not their time.
      const patient = { FACTS_BOUND_MS: '20000', EXPORT_CHUNK_MEMBERS: '2', EXPORT_POLLS_PER_MINUTE: '1000000' };
      const platform = await startDeployment({ dataDir, env: { ...addresses, ...patient }, spawn: confined });
      const services = platform.processes();
      expect(services.map(({ service }) => service).toSorted()).toEqual(SERVICES.toSorted());
      for (const one of services) {
        expect(readFileSync(`/proc/${one.pid()}/cmdline`, 'utf8').split('\0')).toContain(
          `/app/services/${one.service}/dist/main.js`,
        );
        const user = new RegExp(`^Uid:\\s+${UID}\\s+${UID}\\s+${UID}\\s+${UID}$`, 'm');
        expect(readFileSync(`/proc/${one.pid()}/status`, 'utf8')).toMatch(user);
      }

      const payer = sharedPayer();
      const organization = largest(payer);
      const [gone, stays] = organization.visible.map(({ member }) => member) as [string, string];
      await publishPayer(platform, payer);
      const app = await registerApp(platform, { name: 'Five', npi: organization.npi, tin: organization.tin });
      const exported = async (out: string, optedOut: readonly string[]): Promise<number> => {
        const group = await findGroup(platform, await app.tokens.get(), organization.npi);
        const server = new Server(platform.base);
        const { files } = await bulkExport({
          server,
          token: () => app.tokens.get(),
          group: group.id,
          out: join(folder, out),
        });
        await holdsExactly(files, payer, organization.npi, new Set(optedOut));
        return group.quantity ?? 0;
      };
      const read = async (member: string): Promise<number> =>
        (await http(`${platform.base}/fhir/Patient/${member}`, { token: await app.tokens.get() })).status;

      expect(await exported('whole', [])).toBe(organization.visible.length);
      expect([await read(gone), await read(stays)]).toEqual([200, 200]);
      await takesEffect(platform, optOut(gone));
      expect([await read(gone), await read(stays)]).toEqual([404, 200]);
      expect(await exported('less', [gone])).toBe(organization.visible.length - 1);

      await platform.stop();
      for (const { service, ended, output: said } of services)
        expect([service, await ended], said.slice(-3).join('\n')).toEqual([service, 0]);
    }, 600_000);
  });
});
