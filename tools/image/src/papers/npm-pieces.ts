import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Closure, Located } from '../lock.ts';
import { LEGAL, type Piece } from './piece.ts';

interface Manifest {
  readonly name: string;
  /** Absent in packages of ours: all have the version of the repository. */
  readonly version?: string;
  readonly description?: string;
  readonly license?: string | { readonly type?: string };
  readonly licenses?: readonly { readonly type?: string }[];
}

/** Our packages, of which all have the version `ours`, and those of others, with their places in the checkout. */
export const npmPieces = (checkout: string, { workspaces, packages }: Closure, ours: string): Piece[] => [
  ...workspaces.map((one) => piece(checkout, one, 'ours', ours)),
  ...packages.map((one) => piece(checkout, one, 'npm', ours)),
];

export const refOf = (path: string): string => `/app/${path}`;

function piece(checkout: string, { path, entry, dependsOn }: Located, kind: 'ours' | 'npm', ours: string): Piece {
  const folder = join(checkout, path);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  const { name, version = ours, description } = manifest;
  const sha512 =
    entry.integrity?.startsWith('sha512-') === true
      ? Buffer.from(entry.integrity.slice('sha512-'.length), 'base64').toString('hex')
      : undefined;
  return {
    ref: refOf(path),
    kind,
    name,
    version,
    licence: licenceOf(manifest, path),
    paths: [refOf(path)],
    purl: `pkg:npm/${name.split('/').map(encodeURIComponent).join('/')}@${encodeURIComponent(version)}`,
    dependsOn: dependsOn.map(refOf),
    // Our own are under the repository's licence.
    texts:
      kind === 'ours'
        ? []
        : readdirSync(folder)
            .filter((file) => LEGAL.test(file))
            .sort()
            .map((file) => ({ file, text: readFileSync(join(folder, file), 'utf8') })),
    ...(description !== undefined && { description }),
    ...(sha512 !== undefined && { sha512 }),
  };
}

/** @throws if a package does not name its licence */
function licenceOf({ license, licenses }: Manifest, path: string): string {
  const licence =
    typeof license === 'string' ? license : (license?.type ?? licenses?.map(({ type }) => type).join(' OR '));
  if (licence === undefined || licence === '') throw new Error(`${path}/package.json names no licence`);
  return licence;
}
