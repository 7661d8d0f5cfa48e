import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { DIAGRAMS, REPOSITORY } from '../paths.ts';
import { sources } from '../sources.ts';
import { diagramsOf, pictureName } from './picture.ts';

/**
 * Draws the diagrams of all pages with Mermaid in Chromium: `npm run diagrams -w @provider-access/site`. Mermaid is
 * fetched only here, so that `npm ci` does not bring its hundred megabytes.
 */
const MERMAID = 'mermaid@11.17.2';
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Colours that stay readable when the dark mode of the site inverts the picture. */
const INK = '#1f2328';
const LINE = '#59636e';
const BOX = '#eef2ff';
const BORDER = '#5672cd';
const GROUP = '#f6f8fa';

const SETTINGS = {
  startOnLoad: false,
  deterministicIds: true,
  htmlLabels: false,
  flowchart: { htmlLabels: false, useMaxWidth: true },
  sequence: {
    useMaxWidth: true,
    wrap: true,
    width: 150,
    actorMargin: 40,
    messageFontSize: 14,
    actorFontSize: 14,
    noteFontSize: 14,
  },
  theme: 'base',
  themeVariables: {
    fontFamily: 'Arial, Helvetica, sans-serif',
    fontSize: '14px',
    background: 'transparent',
    primaryColor: BOX,
    primaryTextColor: INK,
    primaryBorderColor: BORDER,
    lineColor: LINE,
    textColor: INK,
    clusterBkg: GROUP,
    clusterBorder: LINE,
    titleColor: INK,
    edgeLabelBackground: GROUP,
    actorBkg: BOX,
    actorBorder: BORDER,
    actorTextColor: INK,
    actorLineColor: LINE,
    signalColor: LINE,
    signalTextColor: INK,
    labelBoxBkgColor: GROUP,
    labelBoxBorderColor: LINE,
    labelTextColor: INK,
    loopTextColor: INK,
    noteBkgColor: '#fff8c5',
    noteBorderColor: LINE,
    noteTextColor: INK,
    sequenceNumberColor: '#ffffff',
  },
};

function fetchMermaid(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mermaid-'));
  try {
    const packed = execFileSync('npm', ['pack', '--silent', MERMAID], { cwd: folder, encoding: 'utf8' }).trim();
    execFileSync('tar', ['xzf', packed, 'package/dist/mermaid.min.js'], { cwd: folder });
    return readFileSync(join(folder, 'package/dist/mermaid.min.js'), 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function main(): Promise<void> {
  const texts = sources().flatMap(({ from }) => diagramsOf(readFileSync(join(REPOSITORY, from), 'utf8')));
  const wanted = texts.map((text) => ({ text, name: pictureName(text) }));
  mkdirSync(DIAGRAMS, { recursive: true });
  const names = new Set(wanted.map(({ name }) => name));
  for (const name of readdirSync(DIAGRAMS)) if (!names.has(name)) rmSync(join(DIAGRAMS, name));
  const missing = wanted.filter(({ name }) => !existsSync(join(DIAGRAMS, name)));
  if (missing.length > 0) await draw(missing);
  process.stdout.write(`${missing.length} of ${wanted.length} pictures were drawn.\n`);
}

async function draw(pictures: readonly { text: string; name: string }[]): Promise<void> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    await page.addScriptTag({ content: fetchMermaid() });
    for (const { text, name } of pictures) {
      const svg = await page.evaluate(`(async () => {
        mermaid.initialize(${JSON.stringify(SETTINGS)});
        const { svg } = await mermaid.render('d', ${JSON.stringify(text)});
        const at = new DOMParser().parseFromString(svg.replaceAll('<br>', '<br/>'), 'image/svg+xml').documentElement;
        const [, , width, height] = at.getAttribute('viewBox').split(' ');
        at.setAttribute('width', Math.ceil(width));
        at.setAttribute('height', Math.ceil(height));
        at.style.maxWidth = '';
        return new XMLSerializer().serializeToString(at);
      })()`);
      writeFileSync(join(DIAGRAMS, name), `${withUsedRules(rounded(svg as string))}\n`);
    }
  } finally {
    await browser.close();
  }
}

/** Keeps the rules of Mermaid's style sheet that select something of the picture. */
function withUsedRules(svg: string): string {
  const classes = new Set([...svg.matchAll(/ class="([^"]*)"/g)].flatMap(([, names]) => names!.split(/\s+/)));
  const used = (selector: string): boolean =>
    [...selector.matchAll(/\.([\w-]+)/g)].every(([, name]) => classes.has(name!));
  return svg.replace(/<style>([\s\S]*?)<\/style>/, (_all, css: string) => {
    const rules = css.replaceAll(/@keyframes [^{]*\{(?:[^{}]*\{[^{}]*\})*\}/g, '').matchAll(/([^{}]+)(\{[^{}]*\})/g);
    const kept = [...rules].map(([, selectors, body]) => {
      const found = selectors!.split(',').filter(used).join(',');
      return found === '' ? '' : `${found}${body}`;
    });
    return `<style>${kept.join('')}</style>`;
  });
}

/** A tenth of a pixel is enough, while Mermaid writes fifteen digits. The symbols that it defines are not used. */
const rounded = (svg: string): string =>
  svg
    .replaceAll(/<defs><symbol[\s\S]*?<\/symbol><\/defs>/g, '')
    .replaceAll(/-?\d+\.\d{3,}(?:e-\d+)?/g, (number) => String(Number(Number(number).toFixed(1))));

await main();
