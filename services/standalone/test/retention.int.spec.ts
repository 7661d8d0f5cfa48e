import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readConfig } from '@provider-access/service/config';
import { topicSettings } from '@provider-access/events';
import type { EventLog, LogRecord } from '@provider-access/engines/log';
import { openEmbeddedLog } from '@provider-access/engines/log/embedded';
import { silentLogger } from '@provider-access/service/observability';
import { eventually } from '@provider-access/testing';
import { standaloneConfig } from '../src/config.ts';
import { startPlatform } from '../src/platform.ts';
import { applyRetention } from '../src/retention.ts';

const DAY_MS = 86_400_000;
const PAYER = 'payer.member-events';
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'retention-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const open = (now?: () => number): EventLog =>
  openEmbeddedLog({ file: join(folder, 'log.db'), ...(now !== undefined && { now }) });
const all = async (log: EventLog, topic: string): Promise<readonly LogRecord[]> =>
  (
    await Promise.all(
      Array.from({ length: await log.partitions(topic) }, (_, partition) => log.read(topic, partition, 0, 1000)),
    )
  ).flat();
const record = (key: string, value = '{}', headers = {}) => ({ key, partitionKey: key, headers, value });

describe('applyRetention', () => {
  test(
    'keeps payer topics for their days, the newest record of each key of compacted topics, and everything of the ' +
      'others',
    async () => {
      let now = 0;
      const log = open(() => now);
      for (const topic of [
        PAYER,
        'payer.provider-events',
        'pa.records',
        'pa.record-versions',
        'pa.providers',
        'pa.consent',
        'pa.audit',
        'payer.member-events.dead-letter',
      ]) {
        now = 0;
        await log.append(topic, [record('a', 'old'), record('b', 'old')]);
        now = 5 * DAY_MS;
        await log.append(topic, [record('a', 'new')]);
      }
      const choices = { payerRetentionDays: 3, versionRetentionDays: 4 };
      const removed = await applyRetention({ log, topics: topicSettings(choices), now });
      expect(removed).toEqual({
        [PAYER]: 2,
        'payer.provider-events': 2,
        'pa.records': 1,
        'pa.record-versions': 2,
        'pa.providers': 1,
      });
      const left = async (topic: string): Promise<string[]> =>
        (await all(log, topic)).map(({ key, value }) => `${key} ${Buffer.from(value).toString()}`).sort();
      expect(await left(PAYER)).toEqual(['a new']);
      expect(await left('pa.records')).toEqual(['a new', 'b old']);
      expect(await left('pa.record-versions')).toEqual(['a new']);
      for (const kept of ['pa.consent', 'pa.audit', 'payer.member-events.dead-letter'])
        expect(await left(kept)).toEqual(['a new', 'a old', 'b old']);
      expect(await applyRetention({ log, topics: topicSettings(choices), now })).toEqual({});
      await log.close();
    },
  );
});

test('a platform that was down for longer than the retention first handles what waits, then removes it', async () => {
  // Append with a clock that is forty days behind. The retention is thirty days.
  const before = Date.now() - 40 * DAY_MS;
  const time = new Date(before).toISOString();
  const headers = {
    ce_specversion: '1.0',
    ce_id: 'retention-1',
    ce_source: 'urn:portal',
    ce_type: 'payer.member-opted-out.v1',
    ce_subject: 'm-retention',
    ce_time: time,
    'content-type': 'application/json',
  };
  const log = open(() => before);
  await log.append(PAYER, [record('m-retention', '{}', headers)]);
  await log.close();
  const config = readConfig(standaloneConfig, { DATA_DIR: folder, PORT: '0' });
  const rows = async (topic: string): Promise<readonly LogRecord[]> => {
    const reader = openEmbeddedLog({ file: join(folder, 'log.db'), readonly: true });
    try {
      return await all(reader, topic);
    } finally {
      await reader.close();
    }
  };
  const optedOut = async (): Promise<boolean> =>
    (await rows('pa.consent')).some(
      ({ headers: h }) => h['ce_type'] === 'pa.opted-out.v1' && h['ce_subject'] === 'm-retention',
    );
  let platform = await startPlatform(config, silentLogger);
  await eventually(optedOut);
  await platform.stop();
  platform = await startPlatform(config, silentLogger);
  await eventually(async () => (await rows(PAYER)).length === 0);
  expect(await optedOut()).toBe(true);
  await platform.stop();
});
