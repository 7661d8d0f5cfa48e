import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readConfig } from '@provider-access/service/config';
import { silentLogger } from '@provider-access/service/observability';
import { standaloneConfig } from '../src/config.ts';
import { startPlatform } from '../src/platform.ts';

interface Ready {
  readonly ready: boolean;
  readonly failing: readonly { readonly check: string; readonly detail?: string }[];
}

async function running<T>(env: Record<string, string>, look: (base: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'disk-room-'));
  const platform = await startPlatform(
    readConfig(standaloneConfig, { DATA_DIR: folder, PORT: '0', ...env }),
    silentLogger,
  );
  try {
    return await look(platform.address);
  } finally {
    await platform.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
const ready = async (base: string): Promise<Ready> => (await (await fetch(`${base}/health/ready`)).json()) as Ready;

test('is not ready on a disk with fewer than MIN_FREE_BYTES free, although writes still succeed', async () => {
  // No disk has so many free bytes.
  await running({ MIN_FREE_BYTES: String(Number.MAX_SAFE_INTEGER) }, async (base) => {
    const detail = expect.stringMatching(
      /^the disk of the data folder has \d+ MiB free, and MIN_FREE_BYTES asks for/,
    ) as string;
    expect(await ready(base)).toMatchObject({
      ready: false,
      failing: [{ service: 'standalone', check: 'disk', detail }],
    });
    const metrics = await (await fetch(`${base}/metrics`)).text();
    expect(metrics).toMatch(/^pa_disk_free_bytes\{folder="data"\} [1-9]/m);
    expect(metrics).toContain(`pa_disk_kept_free_bytes{folder="data"} ${Number.MAX_SAFE_INTEGER}`);
  });
});

test('MIN_FREE_BYTES=0 asks for none', async () => {
  await running({ MIN_FREE_BYTES: '0' }, async (base) =>
    expect(await ready(base)).toMatchObject({ ready: true, failing: [] }),
  );
});
