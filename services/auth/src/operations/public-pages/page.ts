import { createHash } from 'node:crypto';

const STYLE = `
:root { color-scheme: light dark }
body { max-width: 42rem; margin: 0 auto; padding: 2rem 1rem; font: 1rem/1.5 system-ui, sans-serif;
  background: light-dark(#fff, #1b1b1f); color: light-dark(#1b1b1f, #eee) }
h1 { line-height: 1.2 }
dt { font-weight: 600; margin-top: 1rem }
dd { margin: 0 }
body { overflow-wrap: break-word }
a, code { overflow-wrap: anywhere }
a { color: light-dark(#0b57d0, #a8c7fa) }
mark { background: light-dark(#ffe08a, #5c4a00); color: inherit }
.notice { border: 1px solid; border-radius: .25rem; padding: .5rem 1rem }
.line { display: inline-block; width: min(20rem, 100%); border-bottom: 1px solid; height: 1.2em }
.box { display: inline-block; width: 1em; height: 1em; border: 1px solid; vertical-align: -.1em }
@media print { nav { display: none } body { max-width: none; padding: 0 } }
`;
const POLICY =
  `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; img-src 'self'; ` +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * Headers of a public page. `vary` names the headers of the request that change the answer, if any do. `maxAge` is in
 * seconds.
 */
export const publicHeaders = (vary?: string, maxAge = 300) => ({
  ...(vary !== undefined && { vary }),
  'cache-control': `public, max-age=${maxAge}`,
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
});

/** For pages whose readers are people, and not developers: no server learns where a reader came from. */
export const NO_REFERRER = { 'referrer-policy': 'no-referrer' };

/** Whether `Accept` names a type itself, and not only by a wildcard. `type` is a regular expression's source. */
const names = (type: string): RegExp => new RegExp(`\\b${type}\\b(?!\\s*;\\s*q=0(?:\\.0*)?\\s*(?:,|$))`, 'i');
const HTML = names('text/html');
const JSON_NAMED = names('application/json');
/** A browser names `text/html`; other clients ask for JSON or for anything. */
export const wantsPage = (accept: string | undefined): boolean => HTML.test(accept ?? '');
/** Whether a client names JSON, and is no browser. */
export const wantsJson = (accept: string | undefined): boolean => !wantsPage(accept) && JSON_NAMED.test(accept ?? '');

/** A text as it may stand in an element or in a quoted attribute. */
export const escaped = (value: string): string =>
  value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

export interface Page {
  /** BCP 47. */
  readonly language: string;
  /** Plain text. */
  readonly title: string;
  /** HTML of the main part. */
  readonly main: string;
  /** HTML before the main part. */
  readonly before?: string;
}
/** A page without scripts, cookies and parts of other servers. */
export const publicPage = ({ language, title, main, before = '' }: Page): string => `<!doctype html>
<html lang="${escaped(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escaped(title)}</title>
<link rel="icon" href="/docs/icon.svg" type="image/svg+xml">
<style>${STYLE}</style>
</head>
<body>
${before}<main>
${main}</main>
</body>
</html>
`;
