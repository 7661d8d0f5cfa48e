import { execFileSync, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PlatformProcess, startPlatform as startStandalone } from '@provider-access/cli';
import { commitOf } from '@provider-access/cli/build';
import { buildExecutable, bundlePa, layOut, OLDEST_NODE, packPa, type Bundle } from '@provider-access/image';
import { eventually } from '@provider-access/testing';
import { variant } from '@provider-access/testing/variant';
import { COMPILED } from './compiled.ts';
import { http, json } from './road.ts';
import { commandsOf, ROOT } from './tutorials.ts';

/** `pa` for people without a clone (U4): the npm package, the single executable, and the image. */

const SYSTEM = ['/usr/local/bin', '/usr/bin', '/bin'];
/** The Node of this machine's own, which is another one than the tests run on, if it is new enough. */
const systemNode = SYSTEM.map((folder) => join(folder, 'node')).find((node) => {
  const { stdout, status } = spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' });
  return status === 0 && Number(stdout.split('.')[0]) >= OLDEST_NODE && stdout.trim() !== process.versions.node;
});

const folder = mkdtempSync(join(tmpdir(), 'provider-access-forms-'));
const rootfs = join(folder, 'rootfs');
let bundle: Bundle;
let archive: string;
let platform: PlatformProcess;
let npi: string;
beforeAll(async () => {
  bundle = await bundlePa(ROOT);
  archive = packPa(ROOT, folder, bundle);
  buildExecutable(ROOT, folder, bundle);
  layOut({ checkout: ROOT, out: rootfs });
  const env = { ...COMPILED, SANDBOX: 'true', SANDBOX_MEMBERS: '20', SANDBOX_EVENTS_PER_MINUTE: '0' };
  platform = await startStandalone({ dataDir: join(folder, 'data'), env });
  await eventually(async () => {
    const shown = await http(`${platform.base}/ops/sandbox`, { token: platform.administratorToken });
    const { status, clients } = json<{ status: string; clients: { npi: string }[] }>(shown);
    expect(status).toBe('ready');
    npi = clients[0]!.npi;
  });
});
afterAll(async () => {
  await platform?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** An empty home, and the folder of its own `pa`. */
function homeOf(name: string): { readonly home: string; readonly bin: string } {
  const home = join(folder, name.replaceAll(' ', '-'));
  const bin = join(home, 'bin');
  mkdirSync(bin, { recursive: true });
  return { home, bin };
}
const program = (file: string, script: string): void => writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });

/** `npm install -g` of the archive alone, without a network, for a Node. */
const installed =
  (node: string) =>
  (home: string, bin: string): void => {
    symlinkSync(node, join(bin, 'node'));
    const env = { HOME: home, PATH: [bin, ...SYSTEM].join(':'), npm_config_prefix: home, npm_config_offline: 'true' };
    execFileSync('npm', ['install', '-g', archive], { env, cwd: home, stdio: 'pipe' });
    // One package, which has no others.
    expect(readdirSync(join(home, 'lib/node_modules'))).toEqual(['@provider-access']);
    expect(readdirSync(join(home, 'lib/node_modules/@provider-access/pa'))).not.toContain('node_modules');
  };
const FORMS: readonly {
  readonly name: string;
  readonly form: string;
  /** The page that it follows. Each page is many starts of `pa`: the suite `long` follows both with each form. */
  readonly follows: 'provider' | 'match';
  readonly node?: string | undefined;
  readonly install: (home: string, bin: string) => void;
}[] = [
  { name: 'npm package', form: 'npm package', follows: 'provider', install: installed(process.execPath) },
  {
    name: "npm package on the machine's Node",
    form: 'npm package',
    follows: 'match',
    node: systemNode,
    install: installed(systemNode!),
  },
  {
    name: 'single executable',
    form: 'executable',
    follows: 'provider',
    install: (_, bin) => symlinkSync(join(folder, 'pa'), join(bin, 'pa')),
  },
  {
    name: 'image',
    form: 'image',
    follows: 'match',
    install: (_, bin) => {
      const [node, entry] = ['usr/local/bin/node', 'app/bin/provider-access'].map((path) => join(rootfs, path));
      program(join(bin, 'pa'), `exec '${node}' '${entry}' pa "$@"`);
    },
  },
];

describe.each(FORMS)('the $name', ({ name, form, follows, node, install }) => {
  const skipped = name.includes('machine') && node === undefined;
  const follow = (page: 'provider' | 'match'): boolean => variant.long || page === follows;
  const { home, bin } = homeOf(name);
  /** A script in an empty folder, by somebody with an empty home. */
  const sh = (script: string): { readonly status: number | null; readonly stdout: string; readonly stderr: string } => {
    const cwd = mkdtempSync(join(home, 'work-'));
    const env = { HOME: home, PATH: [bin, '/usr/bin', '/bin'].join(':'), LANG: 'C.UTF-8' };
    return spawnSync('bash', ['-euo', 'pipefail', '-c', script], {
      cwd,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  };
  beforeAll(() => {
    if (!skipped) install(home, bin);
  });

  test.skipIf(skipped)('prints its build, its help and what is wrong', () => {
    const line = new RegExp(String.raw`^\d+\.\d+\.\d+ \((.*), (.*), Node (.*), linux-\w+\)\n$`);
    const version = node === undefined ? process.versions.node : sh('node -p process.versions.node').stdout.trim();
    expect(line.exec(sh('pa --version').stdout)?.slice(1)).toEqual([commitOf(ROOT), form, version]);
    expect(sh('pa --help')).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('Exit codes: 0') });
    expect(sh('pa import roster none.csv')).toMatchObject({ status: 2, stderr: expect.stringContaining('none.csv') });
    const { status, stderr } = sh('pa topics plan');
    expect([status, stderr]).toEqual(
      form === 'image'
        ? [1, expect.stringContaining('KAFKA_BROKERS: must be set')]
        : [2, expect.stringContaining('`docker run … IMAGE admin topics plan`')],
    );
  });

  test.skipIf(skipped)('completes words in bash', () => {
    const words = 'COMP_WORDS=(pa expo) COMP_CWORD=1; _pa; echo "${COMPREPLY[*]}"';
    expect(sh(`eval "$(pa completion bash)"; ${words}`)).toMatchObject({
      status: 0,
      stdout: 'export exports\n',
    });
  });

  if (follow('provider'))
    test.skipIf(skipped)('does the part of the client in the tutorial of a provider', () => {
      const page = readFileSync(join(ROOT, 'docs/tutorials/provider.md'), 'utf8');
      const [install, ...commands] = commandsOf(page.slice(page.indexOf('## 2. '), page.indexOf('## 3. '))).split('\n');
      expect(install).toMatch(/^npm install -g /);
      const script = commands
        .join('\n')
        .replaceAll('http://127.0.0.1:8080', platform.base)
        .replaceAll('1238000008', npi);
      const { status, stdout, stderr } = sh(`${script}\nzcat clinic-files/*/Patient*.gz`);
      expect(status, stderr).toBe(0);
      expect(stdout).toContain('"resourceType":"Patient"');
    });

  if (follow('match'))
    test.skipIf(skipped)('matches patients as the quick start of a match does', () => {
      const script = commandsOf(readFileSync(join(ROOT, 'docs/match.md'), 'utf8'))
        .replaceAll('npx pa ', 'pa ')
        .replaceAll('http://127.0.0.1:8080', platform.base)
        .replaceAll('1238000008', npi);
      const { status, stdout, stderr } = sh(script);
      expect(status, stderr).toBe(0);
      expect(stdout).toMatch(/^([1-9]\d*) of \1 matched$/m);
    });
});

describe('what is bundled', () => {
  test('has its licence in the package: what `pa` names as its dependencies, and what those bring', () => {
    const listed = execFileSync('tar', ['xzOf', archive, 'package/THIRD-PARTY-LICENSES'], { encoding: 'utf8' });
    const names = [...listed.matchAll(/^ {2}(\S+) \d\S+ {2}\S+$/gm)].map(([, one]) => one!);
    const ls = ['ls', '--workspace=@provider-access/cli', '--omit=dev', '--all', '--parseable'];
    const tree = execFileSync('npm', ls, { cwd: ROOT, encoding: 'utf8' });
    const needed = [...tree.matchAll(/node_modules\/((?:@[^/]+\/)?[^/\n]+)$/gm)].map(([, one]) => one);
    expect(needed).toEqual(expect.arrayContaining(names));
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'tools/cli/package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const direct = Object.keys(dependencies).filter((name) => !name.startsWith('@provider-access/'));
    expect(names).toEqual(expect.arrayContaining(direct));
    expect(listed.match(/^License: /gm)).toHaveLength(names.length);
    expect(readFileSync(join(folder, 'THIRD-PARTY-LICENSES'), 'utf8')).toContain(
      `\n  node ${process.versions.node}  MIT`,
    );
  });
  test('calls nothing that the oldest Node lacks', () => {
    const newer =
      /\b(?:Object|Map)\.groupBy\(|\bPromise\.(?:withResolvers|try)\(|\bArray\.fromAsync\(|\bIterator\.from\(/;
    expect(newer.exec(bundle.code)).toBeNull();
  });
  test('is small: the package below half a megabyte, the executable not much larger than Node', () => {
    expect(statSync(archive).size).toBeLessThan(500_000);
    expect(statSync(join(folder, 'pa')).size - statSync(process.execPath).size).toBeLessThan(5_000_000);
  });
});
