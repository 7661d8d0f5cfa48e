import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { readConfig } from '@provider-access/service/config';
import { Parties } from '@provider-access/facts';
import { silentLogger } from '@provider-access/service/observability';
import { standaloneConfig } from '../src/config.ts';
import { startPlatform } from '../src/platform.ts';

test('an opt-out is answered after each of the four services that decide in this process has passed it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'effective-'));
  const platform = await startPlatform(readConfig(standaloneConfig, { DATA_DIR: folder, PORT: '0' }), silentLogger);
  try {
    const asked = vi.spyOn(Parties.prototype, 'waitForDerived');
    const event = {
      specversion: '1.0',
      id: 'o1',
      source: '/payer',
      type: 'payer.member-opted-out.v1',
      subject: 'm1',
      time: new Date().toISOString(),
      data: { scope: 'global', setBy: 'member' },
    };
    const answer = await fetch(`${platform.address}/events`, {
      method: 'POST',
      body: JSON.stringify(event),
      headers: {
        'content-type': 'application/cloudevents+json',
        authorization: `Bearer ${readFileSync(platform.payerTokenFile, 'utf8').trim()}`,
      },
    });
    expect(answer.status).toBe(202);
    // Party facts of attribution, consent, resources and export. Auth decides about no member.
    expect(new Set(asked.mock.contexts).size).toBe(4);
  } finally {
    await platform.stop();
    vi.restoreAllMocks();
    await rm(folder, { recursive: true, force: true });
  }
});
