import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noHelm } from '@provider-access/cluster/programs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { describeUnless } from '../describe-unless.ts';
import { follow } from '../tutorials.ts';
import { exampleValues } from './examples.ts';
import { render, type Values } from './helm.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PAGE = 'docs/tutorials/operator.md';

interface IngressSpec {
  readonly rules: readonly { readonly host: string; readonly http: { readonly paths: readonly { path: string }[] } }[];
  readonly tls: readonly { readonly secretName: string }[];
}

/** `secret/key` of everything that pods mount from a Secret. */
function mounted(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const { secret, ...rest } = value as { secret?: { name?: string; secretName?: string; items?: { key: string }[] } };
  const own = (secret?.items ?? []).map(({ key }) => `${secret!.name ?? secret!.secretName!}/${key}`);
  return [...own, ...Object.values(secret === undefined ? value : rest).flatMap(mounted)];
}

describeUnless(noHelm, "the operator's tutorial", () => {
  test('has values that the chart takes, with every route that the page uses', async () => {
    const page = readFileSync(join(ROOT, PAGE), 'utf8');
    const blocks = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text]) => parse(text!) as Values);
    expect(blocks.map((values) => Object.keys(values))).toEqual([['serviceLevels', 'config'], ['internalIngress']]);
    const routes = (await render([exampleValues('small'), ...blocks])).filter(({ kind }) => kind === 'Ingress');
    const prefixes = (host: string): string[] => {
      const rules = routes.flatMap(({ spec }) => (spec as IngressSpec).rules);
      return rules.filter((rule) => rule.host === host).flatMap(({ http }) => http.paths.map(({ path }) => path));
    };
    for (const path of ['/events', '/ops/explain', '/ops/slo', '/ops/views/export'])
      expect(prefixes('provider-access.internal.example')).toContain(path);
    for (const path of ['/auth', '/fhir/Group', '/docs']) expect(prefixes('fhir.payer.example')).toContain(path);
    // The hosts and Secrets of the commands are those of the values.
    const tls = routes.flatMap(({ spec }) => (spec as IngressSpec).tls.map(({ secretName }) => secretName));
    expect([...page.matchAll(/kubectl create secret tls (\S+)/g)].map(([, name]) => name)).toEqual(tls);
    for (const [, host] of page.matchAll(/https:\/\/([\w.-]+\.example)\b/g))
      expect(['fhir.payer.example', 'provider-access.internal.example']).toContain(host);
  });

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
