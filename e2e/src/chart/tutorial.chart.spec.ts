import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noHelm } from '@provider-access/cluster/programs';
import { expect, test } from 'vitest';
import { describeUnless } from '../describe-unless.ts';
import { follow } from '../tutorials.ts';
import { exampleValues } from './examples.ts';
import { render } from './helm.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PAGE = 'docs/tutorials/operator.md';

/** `secret/key` of everything that pods mount from a Secret. */
function mounted(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const { secret, ...rest } = value as { secret?: { name?: string; secretName?: string; items?: { key: string }[] } };
  const own = (secret?.items ?? []).map(({ key }) => `${secret!.name ?? secret!.secretName!}/${key}`);
  return [...own, ...Object.values(secret === undefined ? value : rest).flatMap(mounted)];
}

describeUnless(noHelm, "the operator's tutorial", () => {
  test('makes every Secret that the smallest installation mounts, and no other', async () => {
    const cwd = mkdtempSync(join(tmpdir(), 'operator-'));
    try {
      symlinkSync(join(ROOT, 'charts'), join(cwd, 'charts'));
      const { code, stderr } = await follow(PAGE, { cwd });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const page = readFileSync(join(ROOT, PAGE), 'utf8').replaceAll('\\\n', ' ');
      const made = [...page.matchAll(/^kubectl create secret generic (\S+) (.+)$/gm)].flatMap(([, name, files]) =>
        [...files!.matchAll(/--from-file=secrets\/(\S+)/g)].map(([, file]) => ({ name: name!, file: file! })),
      );
      for (const { file } of made) {
        expect(statSync(join(cwd, 'secrets', file)).mode & 0o077, file).toBe(0);
        expect(readFileSync(join(cwd, 'secrets', file), 'utf8').trim().length, file).toBeGreaterThan(31);
      }
      const wanted = new Set((await render([exampleValues('small')])).flatMap(mounted));
      expect(made.map(({ name, file }) => `${name}/${file}`).toSorted()).toEqual([...wanted].toSorted());
    } finally {
      rmSync(cwd, { recursive: true, force: true });
    }
  });
});
