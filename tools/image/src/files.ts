import { chmodSync, copyFileSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Relative paths of the files below `folder`, sorted; `enter` and `take` decide by the path relative to it. */
export function filesBelow(
  folder: string,
  options: { readonly enter: (path: string) => boolean; readonly take: (path: string) => boolean },
): string[] {
  const found: string[] = [];
  const look = (at: string): void => {
    for (const entry of readdirSync(join(folder, at), { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const path = at === '' ? entry.name : `${at}/${entry.name}`;
      if (entry.isDirectory() && options.enter(path)) look(path);
      else if (entry.isFile() && options.take(path)) found.push(path);
    }
  };
  look('');
  return found;
}

/** The image sets its own modes: only root may write, and only programs are executable. */
const FILE = 0o644;
const PROGRAM = 0o755;

export function place(from: string, to: string, mode: 'file' | 'program' = 'file'): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
  chmodSync(to, mode === 'program' ? PROGRAM : FILE);
}
export function write(to: string, text: string): void {
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, text);
  chmodSync(to, FILE);
}
export function link(at: string, target: string): void {
  mkdirSync(dirname(at), { recursive: true });
  symlinkSync(target, at);
}
export const isFolder = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
