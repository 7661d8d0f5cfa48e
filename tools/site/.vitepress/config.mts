import { transformerStyleToClass } from '@shikijs/transformers';
import { defineConfig } from 'vitepress';
import { slug } from '../src/links.ts';
import { sidebar } from '../src/navigation.ts';
import { SITE, STAGED } from '../src/paths.ts';
import { licences } from '../src/licences.ts';
import { saveCodeStyles } from '../src/policy.ts';

/** Colours of code become classes, because the policy of the services forbids `style` attributes. */
const colours = transformerStyleToClass({ classPrefix: 'code-' });

const ids = new Map<string, string>();
function shortId(file: string): string {
  const id = ids.get(file) ?? ids.size.toString(36);
  ids.set(file, id);
  return id;
}

export default defineConfig({
  title: 'Provider Access',
  description: 'The Provider Access API of CMS-0057-F: tutorials, how-to pages and reference',
  lang: 'en',
  base: '/docs/',
  srcDir: STAGED,
  outDir: SITE,
  metaChunk: true,
  // The switch would add a style element, which the policy of the services forbids.
  appearance: { disableTransition: false },
  vite: { plugins: [licences()] },
  // Every element names its component. With short names, the site has a tenth less.
  vue: { features: { componentIdGenerator: shortId } },
  head: [
    ['link', { rel: 'icon', href: '/docs/icon.svg', type: 'image/svg+xml' }],
    ['link', { rel: 'stylesheet', href: '/docs/code.css' }],
  ],
  markdown: {
    anchor: { slugify: slug },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    codeTransformers: [colours],
    languageAlias: { cel: 'txt' },
  },
  buildEnd: () => saveCodeStyles(colours.getCSS()),
  themeConfig: {
    nav: [
      { text: 'HTTP API', link: '/api/', activeMatch: '^/api/' },
      { text: 'Events', link: '/events/', activeMatch: '^/events/' },
      { text: 'Refusals', link: '/refusals' },
    ],
    sidebar: sidebar(),
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: [],
    externalLinkIcon: true,
  },
});
