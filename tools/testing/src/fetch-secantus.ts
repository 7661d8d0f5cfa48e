import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { cached, cacheFolder, cacheKey, has, pipInstall, run } from './cache.ts';

const SECANTUS_VERSION = '0.5.3-beta.193';
/** The same server in Python, for a machine whose Rust cannot build the other one. */
const SECANTUS_PYTHON_VERSION = '0.7.0b3';
/** The oldest Rust that supports the edition of its crates. We build with 1.95. */
const OLDEST_RUST = [1, 85] as const;

export interface MongoCommand {
  /** Which of the two it is, for example for the head of a test run. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/**
 * The MongoDB-compatible server SecantusDB. cargo builds it once for each machine. Without a suitable Rust, pip
 * installs its Python variant (same flags, 2 to 10 times slower). TEST_MONGO=rust or python decides. Errors name what
 * is missing.
 */
export async function buildSecantus(progress?: (line: string) => void): Promise<MongoCommand> {
  const folder = join(cacheFolder(), cacheKey('secantus-rs', SECANTUS_VERSION));
  const wanted = process.env.TEST_MONGO;
  if (wanted !== undefined && wanted !== 'rust' && wanted !== 'python')
    throw new Error(`TEST_MONGO is rust or python, not ${wanted}.`);
  if (wanted === 'python') return python(progress);
  if (existsSync(folder)) return rust(folder);
  const lacking = rustLacking();
  if (lacking === undefined) {
    await cached(folder, (made) => build(made, progress));
    return rust(folder);
  }
  if (wanted === 'rust')
    throw new Error(
      `The MongoDB-compatible server for tests is built by cargo: ${lacking} (https://rustup.rs), or let ` +
        'TEST_MONGO=python take the slower one.',
    );
  progress?.(`${lacking}: taking the Python variant of the MongoDB-compatible server`);
  return python(progress);
}

function rust(folder: string): MongoCommand {
  const command = join(folder, 'secantusd-rs');
  if (!existsSync(command)) throw new Error(`${folder} holds no secantusd-rs: remove the folder and try again.`);
  return { name: `SecantusDB ${SECANTUS_VERSION} (Rust)`, command, args: [], env: {} };
}

async function build(made: string, progress?: (line: string) => void): Promise<void> {
  progress?.(`building SecantusDB ${SECANTUS_VERSION} with cargo (4 minutes, once)`);
  const root = `${made}-root`;
  await run(
    'cargo',
    [
      'install',
      'secantus-mdb',
      '--version',
      SECANTUS_VERSION,
      '--root',
      root,
      '--locked',
      '--ignore-rust-version',
      '--quiet',
    ],
    { env: { CARGO_TARGET_DIR: `${made}-target` }, progress },
  );
  mkdirSync(made);
  renameSync(join(root, 'bin', 'secantusd-rs'), join(made, 'secantusd-rs'));
}

/** Why cargo cannot build it; undefined when it can. */
function rustLacking(): string | undefined {
  const cargo = spawnSync('cargo', ['--version'], { encoding: 'utf8' });
  if (cargo.error || cargo.status !== 0) return '`cargo` was not found, install Rust';
  const [, major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(cargo.stdout) ?? []).map(Number);
  const old = major < OLDEST_RUST[0] || (major === OLDEST_RUST[0] && minor < OLDEST_RUST[1]);
  return old ? `${cargo.stdout.trim()} is too old, install Rust ${OLDEST_RUST.join('.')} or later` : undefined;
}

async function python(progress?: (line: string) => void): Promise<MongoCommand> {
  const version = spawnSync('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], {
    encoding: 'utf8',
  });
  if (version.error || version.status !== 0)
    throw new Error(
      'The MongoDB-compatible server for tests needs Rust (cargo) to be built, or Python 3 with pip: neither ' +
        '`cargo` nor `python3` was found.',
    );
  const folder = await cached(
    join(cacheFolder(), cacheKey('secantus-py', `${SECANTUS_PYTHON_VERSION}-python${version.stdout.trim()}`)),
    async (made) => {
      if (!has('python3', ['-m', 'pip', '--version']))
        throw new Error(
          'The MongoDB-compatible server for tests needs Rust (cargo) to be built, or pip: install one (Debian: ' +
            'apt-get install python3-pip).',
        );
      progress?.(`fetching SecantusDB ${SECANTUS_PYTHON_VERSION} with pip (once)`);
      await pipInstall(`SecantusDB==${SECANTUS_PYTHON_VERSION}`, made, true);
    },
  );
  return {
    name: `SecantusDB ${SECANTUS_PYTHON_VERSION} (Python)`,
    command: 'python3',
    args: ['-c', 'import sys; from secantus.cli import main; sys.exit(main())'],
    env: { PYTHONPATH: folder },
  };
}
