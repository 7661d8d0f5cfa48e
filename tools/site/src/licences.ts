import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const PACKAGE = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const LEGAL = /^licen[cs]e/i;

/** The parts of a Vite plugin that this file needs. */
interface Bundle {
  readonly [file: string]: { readonly type: string; readonly modules?: Readonly<Record<string, unknown>> };
}
interface Context {
  emitFile(file: { readonly type: 'asset'; readonly fileName: string; readonly source: string }): string;
}

/** Adds `licences.txt` to the site: the licences of the packages whose code is in its scripts. */
export function licences() {
  let server = false;
  return {
    name: 'licences',
    configResolved(config: { readonly build: { readonly ssr: unknown } }): void {
      server = config.build.ssr !== false && config.build.ssr !== undefined;
    },
    generateBundle(this: Context, _options: unknown, bundle: Bundle): void {
      if (server) return;
      const modules = Object.values(bundle).flatMap((chunk) => Object.keys(chunk.modules ?? {}));
      const folders = new Set(modules.flatMap((id) => PACKAGE.exec(id.replace(/^\0/, ''))?.[1] ?? []));
      this.emitFile({ type: 'asset', fileName: 'licences.txt', source: [...folders].sort().map(licenceOf).join('\n') });
    },
  };
}

function licenceOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    license: string;
  };
  const file = readdirSync(folder).find((entry) => LEGAL.test(entry));
  const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim();
  return `${'='.repeat(80)}\n${name} ${version}\nLicence: ${license}\n\n${text}\n`;
}
