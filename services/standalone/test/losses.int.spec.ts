import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readConfig } from '@provider-access/service/config';
import { encodeEvent } from '@provider-access/events';
import { openEmbeddedLog } from '@provider-access/engines/log/embedded';
import { silentLogger } from '@provider-access/service/observability';
import { eventually } from '@provider-access/testing';
import { standaloneConfig } from '../src/config.ts';
import { startPlatform } from '../src/platform.ts';

const M = 'payer.member-events';
const optOut = (n: number) =>
  encodeEvent({
    id: `loss-${n}`,
    source: 'urn:portal',
    type: 'payer.member-opted-out.v1',
    time: new Date().toISOString(),
    subject: 'm-loss',
    data: {},
  });

test('a removed opt-out that nobody had read closes every service until exactly that loss is accepted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'losses-'));
  const config = readConfig(standaloneConfig, { DATA_DIR: folder, PORT: '0' });
  const log = () => openEmbeddedLog({ file: join(folder, 'log.db') });
  const readiness = async (
    address: string,
  ): Promise<{ status: number; failing: readonly { service: string; check: string; detail?: string }[] }> => {
    const answer = await fetch(`${address}/health/ready`);
    return { status: answer.status, ...((await answer.json()) as { failing: [] }) };
  };
  let outside = log();
  await outside.append(M, [optOut(1)]);
  await outside.close();
  let platform = await startPlatform(config, silentLogger);
  await eventually(async () => expect((await readiness(platform.address)).status).toBe(200));
  await platform.stop();

  // Trim like a broker, which ignores groups. No record is left, so only the heads show that a group lost records.
  outside = log();
  await outside.append(M, [optOut(2)]);
  expect(await outside.trim!(M, Infinity)).toBe(2);
  const partition = (await outside.head([M]))[M]!.indexOf(2);
  await outside.close();
  platform = await startPlatform(config, silentLogger);
  const { status, failing } = await readiness(platform.address);
  expect(status).toBe(503);
  for (const service of ['attribution', 'consent']) {
    expect(failing.find((each) => each.service === service && each.check === 'facts')?.detail).toMatch(
      new RegExp(`-intake has lost events: ${M.replace('.', '\\.')}/${partition}: retention removed records 1 to 1 `),
    );
  }
  expect(failing.map(({ service }) => service)).toEqual(expect.arrayContaining(['resources', 'export']));
  await platform.stop();

  outside = log();
  const accept = (group: string) => {
    const restore = `loss/${group}/${M}/${partition}/1-2`;
    return encodeEvent({
      id: `${restore}/accepted`,
      source: 'urn:provider-access:admin',
      type: 'pa.restore-accepted.v1',
      time: new Date().toISOString(),
      subject: restore,
      data: { restore, by: 'Ann', reason: 'published again', at: new Date().toISOString() },
    });
  };
  await outside.append('pa.registry', ['consent-intake', 'attribution-intake'].map(accept));
  await outside.close();
  platform = await startPlatform(config, silentLogger);
  // One intake still has a loss that is not accepted.
  await eventually(async () =>
    expect(
      (await readiness(platform.address)).failing.find(
        ({ service, check }) => service === 'consent' && check === 'facts',
      )?.detail,
    ).toMatch(/resources-intake has lost events/),
  );
  await platform.stop();
  outside = log();
  await outside.append('pa.registry', [accept('resources-intake')]);
  await outside.close();
  platform = await startPlatform(config, silentLogger);
  await eventually(async () => expect(await readiness(platform.address)).toMatchObject({ status: 200, failing: [] }));
  await platform.stop();
  rmSync(folder, { recursive: true, force: true });
});
