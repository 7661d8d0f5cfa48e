import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { place, write } from '../files.ts';
import { licenceList } from '../papers/licences.ts';
import { LICENCES } from '../papers/index.ts';
import { OLDEST_NODE, type Bundle } from './bundle.ts';

const APP = join(dirname(dirname(import.meta.dirname)), 'app/pa');

/** What `npm install -g` needs. Nothing is fetched, because the bundle holds the dependencies. */
const manifestOf = (version: string): object => ({
  name: '@provider-access/pa',
  version,
  description: 'The command line of Provider Access, for people without a clone of its repository',
  license: 'Apache-2.0',
  bin: { pa: 'bin/pa.mjs' },
  engines: { node: `>=${OLDEST_NODE}` },
});

/** Writes the npm package into `out`, by `npm pack`. @returns the path of the archive */
export function packPa(checkout: string, out: string, { version, code, pieces }: Bundle): string {
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-pa-'));
  try {
    const apache = readFileSync(join(checkout, 'LICENSE'), 'utf8');
    write(join(folder, 'package.json'), `${JSON.stringify(manifestOf(version), undefined, 2)}\n`);
    write(join(folder, 'LICENSE'), apache);
    write(join(folder, LICENCES), licenceList(pieces, apache, 'this package'));
    write(join(folder, 'lib/pa.cjs'), code);
    place(join(APP, 'pa.mjs'), join(folder, 'bin/pa.mjs'), 'program');
    place(join(APP, 'README.md'), join(folder, 'README.md'));
    const options = ['--silent', '--ignore-scripts', '--no-update-notifier', '--pack-destination', out];
    return join(out, execFileSync('npm', ['pack', ...options], { cwd: folder, encoding: 'utf8' }).trim());
  } finally {
    rmSync(folder, { recursive: true });
  }
}
