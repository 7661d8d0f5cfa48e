import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Version } from '@provider-access/service/operation';

const compress = promisify(gzip);

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.txt': 'text/plain; charset=utf-8',
};

/** A file of the site, ready to be sent. */
export interface SiteFile {
  readonly type: string;
  readonly version: Version;
  readonly gzipped: Buffer;
  plain(): Promise<Buffer>;
}

/**
 * The static files of the documentation (`npm run docs`), found by name in a list of the folder. A request is only a
 * key of this list and never becomes a path, so it cannot lead out of the folder.
 */
export class Site {
  #listed: { readonly built: number; readonly files: ReadonlyMap<string, string> } | undefined;
  readonly #ready = new Map<string, Promise<SiteFile>>();

  readonly #folder: string;
  readonly #notice: string | undefined;
  /** `notice` is a sentence that every page shows. */
  constructor(folder: string, notice?: string) {
    this.#folder = folder;
    this.#notice = notice;
  }

  /** Whether somebody has built the site. */
  built(): boolean {
    return this.#names() !== undefined;
  }

  /** @param name relative to the root of the site, for example `adr/index.html` */
  async file(name: string): Promise<SiteFile | undefined> {
    const path = this.#names()?.get(name);
    const type = TYPES[extname(name)];
    if (path === undefined || type === undefined) return undefined;
    const found = this.#ready.get(path) ?? prepare(path, type, this.#notice);
    this.#ready.set(path, found);
    return found.catch((error: unknown) => {
      this.#ready.delete(path);
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    });
  }

  /**
   * The place of the page that a reader means, relative to the root: `refusals.html`, or `adr/` for its index.
   * Undefined if `asked` names no page. A file that has exactly this name is found before any page.
   */
  pageOf(asked: string): string | undefined {
    const names = this.#names();
    if (names === undefined || names.has(asked)) return undefined;
    const plain = asked.replace(/\/$/, '').replace(/\.(?:md|html)$/i, '');
    for (const name of [plain, plain.toLowerCase()]) {
      const folder = name.replace(/(?:^|\/)(?:index|readme)$/i, '');
      if (names.has(folder === '' ? 'index.html' : `${folder}/index.html`)) return folder === '' ? '' : `${folder}/`;
      if (names.has(`${name}.html`)) return `${name}.html`;
    }
    return undefined;
  }

  /** Lists the folder once for each build, so that a page that was built again needs no restart. */
  #names(): ReadonlyMap<string, string> | undefined {
    const built = statSync(join(this.#folder, 'index.html'), { throwIfNoEntry: false })?.mtimeMs;
    if (built === undefined) return undefined;
    if (this.#listed?.built !== built) {
      this.#ready.clear();
      const entries = readdirSync(this.#folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
      const paths = entries.map((one) => join(one.parentPath, one.name));
      const name = (path: string): string => path.slice(this.#folder.length + 1).replaceAll(sep, '/');
      this.#listed = { built, files: new Map(paths.map((path) => [name(path), path])) };
    }
    return this.#listed.files;
  }
}

/** Only the compressed bytes stay in memory: a megabyte for the whole site. */
async function prepare(path: string, type: string, notice?: string): Promise<SiteFile> {
  const isPage = type.startsWith('text/html');
  const read = async (): Promise<Buffer> =>
    isPage && notice !== undefined ? withNotice(await readFile(path), notice) : readFile(path);
  const bytes = await read();
  return {
    type,
    version: { tag: createHash('sha256').update(bytes).digest('base64url').slice(0, 22), strong: true },
    gzipped: await compress(bytes),
    plain: read,
  };
}

/** The page with a sentence of our own before its content. The theme keeps the strip in view. */
const withNotice = (page: Buffer, notice: string): Buffer =>
  Buffer.from(
    page
      .toString('utf8')
      .replace(/<body[^>]*>/, (body) => `${body}<aside class="pa-notice" aria-label="Notice">${notice}</aside>`),
  );

/** The document that describes the HTTP API, as it is in the repository. Undefined if it is not there. */
export function readOpenApi(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}
