import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { SITE } from './paths.ts';

const HREF = /\s(?:href|src)="([^"]+)"/g;
const ID = /\sid="([^"]+)"/g;

/**
 * Every link inside the site leads to a file, and to an id in it. VitePress checks the files that Markdown names, but
 * neither anchors nor what the theme adds.
 */
export function deadLinks(files: readonly string[]): string[] {
  const known = new Set(files);
  const pages = files.filter((name) => name.endsWith('.html'));
  const text = new Map(pages.map((name) => [name, readFileSync(join(SITE, name), 'utf8')]));
  const ids = new Map(
    [...text].map(([name, html]) => [name, new Set([...html.matchAll(ID)].map(([, id]) => decode(id!)))]),
  );
  const dead = new Set<string>();
  for (const [name, html] of text)
    for (const [, raw] of html.matchAll(HREF)) {
      const href = decode(raw!);
      if (/^[a-z]+:/i.test(href) || href === '/openapi.json') continue;
      const [path, anchor] = href.split('#', 2) as [string, string | undefined];
      const target = path === '' ? name : targetOf(path, name);
      if (!known.has(target)) dead.add(`${name}: ${href} leads nowhere`);
      else if (anchor && !ids.get(target)?.has(anchor)) dead.add(`${name}: ${href} names no heading`);
    }
  return [...dead];
}

function targetOf(path: string, page: string): string {
  const absolute = path.startsWith('/') ? path : posix.join('/docs', posix.dirname(page), path);
  const name = absolute.replace(/^\/docs\/?/, '');
  return name === '' || name.endsWith('/') ? `${name}index.html` : name;
}

const decode = (text: string): string =>
  decodeURIComponent(text.replaceAll('&amp;', '&').replaceAll('&#39;', "'").replaceAll('&quot;', '"'));
