import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SITE } from './paths.ts';

const INLINE = /<script((?![^>]*\ssrc=)[^>]*)>([\s\S]+?)<\/script>/g;

export const saveCodeStyles = (css: string): void => writeFileSync(join(SITE, 'code.css'), `${css}\n`);

/** Attributes of the theme's elements. `theme/style.css` has the one that matters. */
const STYLE = / style="(?:position:relative;|--vp-vh:0px;|)"/g;

/** What the theme and the tables of our pages lack for readers who hear a page. */
const ACCESSIBLE = [
  ['<div class="VPContent is-home" id="VPContent"', '<div role="main" class="VPContent is-home" id="VPContent"'],
  ['<th></th>', '<td></td>'],
] as const;

/** Only the page of unknown URLs has no content before its script runs. */
const NO_SCRIPT =
  '<noscript><h1>There is no such page</h1><p>Begin at the <a href="/docs/">first page</a>.</p></noscript>';

/**
 * Finishes a page. Moves its inline scripts into files and removes `style` attributes, so that the services can forbid
 * both without a list of hashes. Scripts that choose light or dark still block the first paint, as they must.
 */
export function finish(file: string): void {
  const html = readFileSync(file, 'utf8');
  const heard = ACCESSIBLE.reduce((text, [from, to]) => text.replaceAll(from, to), html);
  const changed = heard.replaceAll(STYLE, '').replaceAll(INLINE, (_all, attributes: string, code: string) => {
    const name = `inline.${createHash('sha256').update(code).digest('hex').slice(0, 8)}.js`;
    mkdirSync(join(SITE, 'assets'), { recursive: true });
    writeFileSync(join(SITE, 'assets', name), code);
    return `<script${attributes} src="/docs/assets/${name}"></script>`;
  });
  const complete = changed.replace('<div id="app"></div>', `${NO_SCRIPT}<div id="app"></div>`);
  if (complete !== html) writeFileSync(file, complete);
}
