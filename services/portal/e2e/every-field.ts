import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

export const SCRIPT = '<img src=x onerror=alert(1)><script>alert(2)</script>';
const URL_OF_STRANGER = `https://stranger.example/${encodeURIComponent(SCRIPT)}?"onerror=alert(3)`;
/** What a field of each kind takes, the worst one first. */
const VALUES: readonly unknown[] = [
  SCRIPT,
  [SCRIPT],
  URL_OF_STRANGER,
  [URL_OF_STRANGER],
  ["'onerror=alert(4)'@stranger.example"],
  { version: SCRIPT, date: '2026-11-30', terms: URL_OF_STRANGER },
  { [SCRIPT]: SCRIPT },
  true,
  1,
  'production',
  ['1234567893'],
];

/** The names of all further metadata of a registration, from the table of auth: a new name is tested by itself. */
function furtherFields(): readonly string[] {
  const source = readFileSync(join(import.meta.dirname, '../../auth/src/domain/known-metadata.ts'), 'utf8');
  const block = (name: string): string => new RegExp(`const ${name} = \\{\\n([^]*?)\\n\\};`).exec(source)![1]!;
  const keys = ['OURS', 'RFC_7591'].flatMap((name) =>
    [...block(name).matchAll(/^ {2}(\w+):/gm)].map(([, key]) => key!),
  );
  const texts = [...source.matchAll(/^const \w+_OF_IANA =\n([^;]*);/gm)].flatMap(([, list]) =>
    [...list!.matchAll(/'([^']*)'/g)].flatMap(([, part]) => part!.trim().split(' ')),
  );
  const names = [...keys, ...texts, 'default_max_age', 'vp_formats_supported'];
  const human = /const HUMAN = \[([^\]]*)\]/.exec(source)![1]!;
  const spoken = [...human.matchAll(/'(\w+)'/g)].map(([, name]) => `${name}#fr`);
  expect(names.length).toBeGreaterThan(60);
  expect(spoken.length).toBeGreaterThan(5);
  return [...names, ...spoken];
}

/**
 * Registers an app that has the worst that it can write in every field. The refusals name the fields that take
 * something else.
 */
export async function registerWithEverything(
  send: (further: Readonly<Record<string, unknown>>) => Promise<Response>,
): Promise<{ readonly id: string; readonly sent: Readonly<Record<string, unknown>> }> {
  const at = new Map(furtherFields().map((name) => [name, 0]));
  for (;;) {
    const sent = Object.fromEntries([...at].map(([name, n]) => [name, VALUES[n]]));
    const answer = await send(sent);
    const body = (await answer.json()) as { client_id: string; error_description?: string };
    if (answer.status === 201) return { id: body.client_id, sent };
    const text = body.error_description ?? '';
    const refused = [...at.keys()].filter((name) => new RegExp(`(^|; |, )${name}(\\.\\S+)?: `).test(text));
    expect(refused, text).not.toEqual([]);
    for (const name of refused) {
      expect(at.get(name)! + 1, `${name} takes none of the values`).toBeLessThan(VALUES.length);
      at.set(name, at.get(name)! + 1);
    }
  }
}
