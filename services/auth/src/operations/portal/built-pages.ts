import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join, sep } from 'node:path';
import type { Version } from '@provider-access/service/operation';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
};
/** The compressed forms that the build wrote, the smallest first. */
const CODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;
export type Coding = (typeof CODINGS)[number][0];

export interface BuiltFile {
  readonly type: string;
  readonly version: Version;
  readonly plain: Buffer;
  readonly coded: ReadonlyMap<Coding, Buffer>;
}
interface Built {
  readonly files: ReadonlyMap<string, BuiltFile>;
  /** Name of a page below `/portal` → its file. */
  readonly pages: ReadonlyMap<string, string>;
}

/**
 * The pages for people as `npm run build` made them (`services/portal/dist/site`), half a megabyte in memory. A request
 * is only a key of the list of files and never becomes a path, so it cannot lead out of the folder.
 */
export class BuiltPages {
  readonly #folder: string;
  #read: (Built & { readonly at: number }) | undefined;
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Undefined while nobody has built the pages. They are read again after a new build. */
  current(): Built | undefined {
    const list = join(this.#folder, 'pages.json');
    // The build writes this file last.
    const at = statSync(list, { throwIfNoEntry: false })?.mtimeMs;
    if (at === undefined) return undefined;
    if (this.#read?.at !== at)
      this.#read = {
        at,
        files: filesOf(this.#folder),
        pages: new Map(Object.entries(JSON.parse(readFileSync(list, 'utf8')) as Record<string, string>)),
      };
    return this.#read;
  }
}

function filesOf(folder: string): ReadonlyMap<string, BuiltFile> {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const names = new Set(paths);
  const files = new Map<string, BuiltFile>();
  for (const path of paths) {
    const type = TYPES[extname(path)];
    if (type === undefined) continue;
    const plain = readFileSync(path);
    files.set(path.slice(folder.length + 1).replaceAll(sep, '/'), {
      type,
      version: { tag: createHash('sha256').update(plain).digest('base64url').slice(0, 22), strong: true },
      plain,
      coded: new Map(
        CODINGS.flatMap(([coding, ending]) =>
          names.has(path + ending) ? [[coding, readFileSync(path + ending)] as const] : [],
        ),
      ),
    });
  }
  return files;
}

/** The smallest form of a file that the client accepts (RFC 9110 12.5.3). Undefined: the plain one. */
export function codingFor({ coded }: BuiltFile, acceptEncoding: string | undefined): Coding | undefined {
  const accepted = new Set<string>();
  for (const item of (acceptEncoding ?? '').toLowerCase().split(',')) {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim());
    const weight = parameters.find((part) => part.startsWith('q='));
    if (weight === undefined || Number(weight.slice(2)) > 0) accepted.add(name);
  }
  return CODINGS.map(([coding]) => coding).find((coding) => coded.has(coding) && accepted.has(coding));
}
