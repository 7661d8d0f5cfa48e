import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { write } from '../files.ts';
import { runtimeRoots, type Closure, type Lock } from '../lock.ts';
import { NODE } from '../node-runtime.ts';
import { billOfMaterials } from './bill.ts';
import { bundledPieces } from './bundled-pieces.ts';
import { licenceList } from './licences.ts';
import { npmPieces, refOf } from './npm-pieces.ts';
import type { Piece } from './piece.ts';
import { runtimePieces } from './runtime-pieces.ts';

export const BILL = 'sbom.cdx.json';
export const LICENCES = 'THIRD-PARTY-LICENSES';

export interface PapersOptions {
  readonly checkout: string;
  readonly lock: Lock;
  readonly closure: Closure;
  /** Folder they are written to. */
  readonly app: string;
  /** Seconds since 1970 that the bill bears. */
  readonly seconds?: number | undefined;
}

/** Writes the bill of materials and the licences of everything that was laid out. */
export function placePapers({ checkout, lock, closure, app, seconds }: PapersOptions): readonly Piece[] {
  const { name, version, license } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    license: string;
  };
  const bundled = bundledPieces(checkout, lock);
  const pieces = [...npmPieces(checkout, closure, version), ...bundled, ...runtimePieces()];
  const starts = [...runtimeRoots(lock).map(refOf), ...bundled.map(({ ref }) => ref), `/${NODE}`];
  write(join(app, BILL), billOfMaterials({ name, version, licence: license, dependsOn: starts }, pieces, seconds));
  write(join(app, LICENCES), licenceList(pieces, readFileSync(join(checkout, 'LICENSE'), 'utf8'), 'this image'));
  return pieces;
}
