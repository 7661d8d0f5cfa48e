import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { write } from '../files.ts';
import { licenceList } from '../papers/licences.ts';
import { LICENCES } from '../papers/index.ts';
import { nodePiece } from '../papers/runtime-pieces.ts';
import type { Bundle } from './bundle.ts';

/** Node looks for this text in its own binary, and for the section. Both names are Node's. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const SECTION = 'NODE_SEA_BLOB';

/**
 * Writes `pa` into `out`: the Node that runs this program, with the bundle in it, and the licences of both.
 * @returns the path of the program
 */
export function buildExecutable(checkout: string, out: string, { code, pieces }: Bundle): string {
  // macOS and Windows need a signature after the injection, and nobody has tried it there.
  if (process.platform !== 'linux')
    throw new Error('The single executable is built on Linux only: elsewhere install the npm package.');
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-pa-'));
  const program = join(out, 'pa');
  try {
    const blob = join(folder, 'blob');
    const config = {
      main: join(folder, 'pa.cjs'),
      output: blob,
      disableExperimentalSEAWarning: true,
      useCodeCache: true,
    };
    writeFileSync(config.main, code);
    writeFileSync(join(folder, 'sea.json'), JSON.stringify(config));
    execFileSync(process.execPath, ['--experimental-sea-config', join(folder, 'sea.json')], { stdio: 'pipe' });
    copyFileSync(process.execPath, program);
    chmodSync(program, 0o755);
    // A process of its own, because it writes warnings about sections of Node's binary that it does not touch.
    const postject = createRequire(import.meta.url).resolve('postject/dist/cli.js');
    execFileSync(process.execPath, [postject, program, SECTION, blob, '--sentinel-fuse', FUSE], { stdio: 'pipe' });
  } finally {
    rmSync(folder, { recursive: true });
  }
  const apache = readFileSync(join(checkout, 'LICENSE'), 'utf8');
  write(join(out, LICENCES), licenceList([nodePiece(), ...pieces], apache, 'this program'));
  return program;
}
