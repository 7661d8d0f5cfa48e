import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { filesBelow, isFolder, place } from './files.ts';
import { BUNDLE, bundleOf, NOTE, noteOf } from '@provider-access/kernel/bundle';
import { closureOf, PORTAL, readLock, runtimeRoots, type Closure } from './lock.ts';
import { placeNode } from './node-runtime.ts';
import { placeEntry, placeIdentity, placeWorkspace } from './own-packages.ts';
import { placePapers } from './papers/index.ts';
import type { Piece } from './papers/piece.ts';
import { placeRootFiles, WRITTEN } from './root-files.ts';
import { seal, releaseTime, type Sealed } from './seal.ts';
import { placePackage } from './third-party.ts';

/** Places in the repository and in the image. */
export const SITE = 'docs/dist';
const OPENAPI = 'docs/openapi.json';

export interface LayoutOptions {
  /** A built checkout of the repository, of any commit with services and a lock file. */
  readonly checkout: string;
  /** Becomes the image's root. It is emptied if it already is one. */
  readonly out: string;
}

/** Builds the image's root filesystem: the application, Node with its libraries, and empty /data and /tmp. */
export function layOut({
  checkout,
  out,
}: LayoutOptions): Sealed & { readonly closure: Closure; readonly pieces: readonly Piece[] } {
  const from = resolve(checkout);
  const root = resolve(out);
  empty(root);
  const lock = readLock(from);
  const closure = closureOf(lock, runtimeRoots(lock), (path) => isFolder(join(from, path)));
  const app = join(root, 'app');
  placeIdentity(from, app);
  placeEntry(app);
  for (const workspace of closure.workspaces) placeWorkspace(from, app, workspace);
  for (const one of closure.packages) placePackage(from, app, one);
  placeBundle(from, app);
  placeDocs(from, app);
  placePages(from, app);
  placeNode(root);
  placeRootFiles(root);
  const pieces = placePapers({ checkout: from, lock, closure, app, seconds: releaseTime() });
  return { ...seal(root, new Set(WRITTEN)), closure, pieces };
}

/**
 * The standalone's own modules in few files. A checkout from before them has none. @throws if the bundle is not of what
 * was compiled
 */
function placeBundle(checkout: string, app: string): void {
  if (!existsSync(join(checkout, 'libs/kernel/src/bundle.ts'))) return;
  const dist = join(checkout, 'services/standalone/dist');
  if (bundleOf(dist) === undefined)
    throw new Error('services/standalone/dist/bundle is not built: run `npm run build` there first');
  for (const file of [NOTE, ...noteOf(dist)!.files])
    place(join(dist, BUNDLE, file), join(app, 'services/standalone/dist', BUNDLE, file));
}

/** The documentation site, if somebody has built it, and the document of the HTTP API: files that auth serves. */
function placeDocs(checkout: string, app: string): void {
  const site = join(checkout, SITE);
  if (existsSync(join(site, 'index.html')))
    for (const file of filesBelow(site, { enter: () => true, take: () => true }))
      place(join(site, file), join(app, SITE, file));
  if (existsSync(join(checkout, OPENAPI))) place(join(checkout, OPENAPI), join(app, OPENAPI));
}

/**
 * The pages for people, which auth serves. A checkout from before them has none. @throws if nobody has built them
 */
function placePages(checkout: string, app: string): void {
  if (!existsSync(join(checkout, PORTAL))) return;
  const pages = `${PORTAL}/dist/site`;
  if (!existsSync(join(checkout, pages, 'pages.json')))
    throw new Error(`${pages} is not built: run \`npm run build\` there first`);
  for (const file of filesBelow(join(checkout, pages), { enter: () => true, take: () => true }))
    place(join(checkout, pages, file), join(app, pages, file));
}

/** @throws if the folder has something that this program did not make */
function empty(root: string): void {
  mkdirSync(root, { recursive: true });
  if (readdirSync(root).length === 0) return;
  if (!existsSync(join(root, 'app/bin/provider-access')))
    throw new Error(`${root} is not empty and holds no image: name another folder`);
  for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true, force: true });
}
