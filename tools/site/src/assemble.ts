import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { withPictures } from './diagrams/picture.ts';
import { asText, relink } from './links.ts';
import { apiPages } from './reference/api.ts';
import { eventPages } from './reference/events.ts';
import { allPages } from './navigation.ts';
import { DIAGRAMS, OWN_PAGES, PICTURES, REPOSITORY, STAGED } from './paths.ts';
import { sources } from './sources.ts';

/** History is not searched: it would double the index, and hide what holds now. */
const UNSEARCHED = /^(?:adr|performance)\/|^changelog/;

/** Copies every page to one folder, with links and diagrams as the site needs them. */
export function assemble(): void {
  rmSync(STAGED, { recursive: true, force: true });
  const places = new Map(sources().map(({ from, to }) => [from, to]));
  for (const name of readdirSync(PICTURES)) places.set(`docs/pictures/${name}`, `pictures/${name}`);
  for (const { from, to } of sources()) {
    const text = readFileSync(join(REPOSITORY, from), 'utf8');
    const linked = relink(text, from, (path) => places.get(path));
    const shown = withPictures(from.startsWith('tools/') ? linked : asText(linked), from);
    put(to, UNSEARCHED.test(to) ? `---\nsearch: false\n---\n\n${shown}` : shown);
  }
  for (const [name, text] of [...apiPages(), ...eventPages()]) put(name, text);
  put('all.md', allPages());
  cpSync(PICTURES, join(STAGED, 'pictures'), { recursive: true });
  cpSync(DIAGRAMS, join(STAGED, 'public/diagrams'), { recursive: true });
  cpSync(join(OWN_PAGES, 'icon.svg'), join(STAGED, 'public/icon.svg'));
}

function put(name: string, text: string): void {
  const file = join(STAGED, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
