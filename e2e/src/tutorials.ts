import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { COMPILED_FILE } from './compiled.ts';
import { CLONED_PA } from './pa.ts';

export const ROOT = join(import.meta.dirname, '../..');

/** Blocks with the word `sh` are run. Those with `shell` start a platform, or need a cluster. */
export const commandsOf = (markdown: string): string =>
  [...markdown.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) => text!).join('\n');

/** The first block of commands after a text that the page has once. */
function blockAfter(markdown: string, text: string, page: string): string {
  const parts = markdown.split(text);
  if (parts.length !== 2) throw new Error(`${page} has ${parts.length - 1} times: ${text}`);
  const [block] = /^```sh\n[\s\S]*?^```$/m.exec(parts[1]!) ?? [''];
  return block;
}

/** Variables that an empty machine has too: how it reaches the network. */
export const NETWORK: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) =>
    /^(?:https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|PIP_\w+)$/i.test(name) && value !== undefined
      ? [[name, value]]
      : [],
  ),
);

/** A page's changes of files. Above each block, the page names the file. */
export const changesOf = (markdown: string): readonly { readonly file: string; readonly lines: readonly string[] }[] =>
  [...markdown.matchAll(/^```diff\n([\s\S]*?)^```$/gm)].map(({ index, 1: text }) => ({
    file: [...markdown.slice(0, index).matchAll(/`((?:libs|services|tools|e2e)\/[\w./-]+\.ts)`/g)].at(-1)![1]!,
    lines: text!.trimEnd().split('\n'),
  }));

/** @returns the text of a file after a change. @throws if it does not have the lines of the change exactly once */
export function changed(text: string, lines: readonly string[]): string {
  const side = (without: string): string =>
    lines.flatMap((line) => (line.startsWith(without) ? [] : [`${line.slice(1)}\n`])).join('');
  const parts = text.split(side('+'));
  if (parts.length !== 2) throw new Error(`found ${parts.length - 1} times:\n${side('+')}`);
  return parts.join(side('-'));
}

/** All files but those of the home, where programs are installed. */
const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .filter((file) => !file.startsWith('home/'));

/**
 * Runs the commands of a page one after the other, as a reader does who copies them: in an empty folder with an empty
 * home, with the address that a reader would see in place of the one of the page. `npx pa` is `program`, by default
 * that of this checkout. `npm install -g` installs into the home, and fetches nothing unless `env` allows it. Ends at
 * the first command that fails.
 */
export async function follow(
  page: string,
  options: {
    readonly cwd: string;
    /** Follow only the first block after this text. */
    readonly after?: string;
    readonly replace?: Readonly<Record<string, string>>;
    readonly env?: Readonly<Record<string, string>>;
    /** `npx pa`. The packed one starts in a quarter of the CPU time. */
    readonly program?: string;
  },
): Promise<{
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Files that the commands made and that other users of the machine can read. */
  readonly readableByOthers: readonly string[];
}> {
  const { cwd, after, replace = {}, env = {}, program = CLONED_PA } = options;
  const home = join(cwd, 'home');
  const bin = join(home, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${program}" "$@"\n`, {
    mode: 0o755,
  });
  const node = join(bin, 'node');
  if (!existsSync(node)) symlinkSync(process.execPath, node);
  const markdown = readFileSync(join(ROOT, page), 'utf8');
  let script = commandsOf(after === undefined ? markdown : blockAfter(markdown, after, page));
  for (const [text, instead] of Object.entries(replace)) {
    if (!script.includes(text)) throw new Error(`${page} does not contain ${text}`);
    script = script.replaceAll(text, instead);
  }
  const known = new Set(filesIn(cwd));
  const child = spawn('bash', ['-euo', 'pipefail'], {
    cwd,
    env: {
      ...COMPILED_FILE,
      PATH: `${bin}:${join(home, 'npm/bin')}:/usr/local/bin:/usr/bin:/bin`,
      HOME: home,
      LANG: 'C.UTF-8',
      npm_config_prefix: join(home, 'npm'),
      npm_config_offline: 'true',
      ...env,
    },
  });
  child.stdin.end(script);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  const made = filesIn(cwd).filter((file) => !known.has(file));
  const readableByOthers = made.filter((file) => (statSync(join(cwd, file)).mode & 0o077) !== 0);
  return { code, stdout, stderr, readableByOthers };
}
