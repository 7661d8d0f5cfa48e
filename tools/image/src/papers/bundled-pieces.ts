import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Lock, PORTAL } from '../lock.ts';
import { npmPieces, refOf } from './npm-pieces.ts';
import type { Piece } from './piece.ts';

const PAGES = `${PORTAL}/dist/site`;
/** A heading of the list that the bundler writes of one script: `## react-aria - 3.53.1 (Apache-2.0)`. */
const HEADING = /^## (?<name>\S+) - (?<version>\S+) \(.+\)$/gm;

/**
 * The packages of others whose code is in the scripts of the pages for people. They are installed nowhere in the image.
 * The bundler says which they are, one list a page; an image without pages has none.
 *
 * @throws if a list names what the lock file does not know, or nothing
 */
export function bundledPieces(checkout: string, lock: Lock): readonly Piece[] {
  const paths = new Set<string>();
  for (const list of globSync(`${PAGES}/licences-*.txt`, { cwd: checkout })) {
    const found = [...readFileSync(join(checkout, list), 'utf8').matchAll(HEADING)];
    if (found.length === 0) throw new Error(`${list} names no package`);
    for (const { groups } of found) paths.add(placeOf(lock, groups!['name']!, groups!['version']!));
  }
  const packages = [...paths].sort().map((path) => ({ path, entry: lock[path]!, dependsOn: [] }));
  return npmPieces(checkout, { workspaces: [], packages }, '').map((piece) => ({
    ...piece,
    kind: 'bundled',
    ref: `${refOf(PAGES)}#${piece.name}@${piece.version}`,
    paths: [refOf(PAGES)],
  }));
}

function placeOf(lock: Lock, name: string, version: string): string {
  const places = [`${PORTAL}/node_modules/${name}`, `node_modules/${name}`];
  const place = places.find((path) => lock[path]?.version === version);
  if (place === undefined)
    throw new Error(`package-lock.json does not know ${name} ${version}, which the pages contain`);
  return place;
}
