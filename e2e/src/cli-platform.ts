import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlatformProcess } from '@provider-access/cli';
import { afterAll, beforeAll } from 'vitest';
import { freshPlatform } from './harness.ts';
import { paOf, type Pa } from './pa.ts';

/**
 * A platform of its own for the specs of a file, and `pa` for it in an empty folder. `at` is a path in this folder.
 */
export function cliPlatform(env: Readonly<Record<string, string>> = {}): {
  readonly pa: Pa;
  readonly at: (name: string) => string;
  readonly platform: () => PlatformProcess;
} {
  const work = mkdtempSync(join(tmpdir(), 'provider-access-cli-'));
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  beforeAll(async () => {
    fresh = await freshPlatform({ env });
  });
  afterAll(async () => {
    await fresh?.dispose();
    rmSync(work, { recursive: true, force: true });
  });
  const platform = (): PlatformProcess => fresh.platform();
  const pa: Pa = Object.assign((...args: string[]) => paOf(platform(), work)(...args), {
    with: (...args: Parameters<Pa['with']>) => paOf(platform(), work).with(...args),
  });
  return { pa, at: (name) => join(work, name), platform };
}
