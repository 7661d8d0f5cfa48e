import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  encodeEvent,
  PA_CONSENT,
  PA_RECORD_VERSIONS,
  PA_RECORDS,
  PA_REGISTRY,
  PAYER_MEMBER_EVENTS,
  TOPICS,
  dataOf,
  textOf,
} from '@provider-access/events';
import type { LogRecord, NewRecord } from '@provider-access/engines/log';
import { openMemoryLog, type MemoryLog } from '@provider-access/engines/log/memory';
import type { PastRecord, TopicLoader } from '@provider-access/engines/log/kafka';
import { acceptRestore } from './accept.ts';
import { dumpTopics } from './dump.ts';
import { loadTopics } from './load.ts';

const PARTITIONS = 2;
const AT = Date.parse('2026-03-01T00:00:00Z');
let root: string;
let log: MemoryLog;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'backup-'));
  log = openMemoryLog({ partitions: PARTITIONS });
});
afterEach(async () => {
  await log.close();
  rmSync(root, { recursive: true, force: true });
});

const said = (type: string, subject: string, data: unknown, partition = 0): NewRecord => ({
  ...encodeEvent({
    id: `${type}/${subject}`,
    source: 'urn:test',
    type,
    time: '2026-01-01T00:00:00.000Z',
    subject,
    data,
  }),
  partition,
});
const progress = (next: number, after?: object): NewRecord =>
  said('pa.progress.v1', `progress/${next}`, {
    deriver: 'consent',
    topic: PAYER_MEMBER_EVENTS,
    partition: 0,
    next,
    ...(after && { after }),
  });

/** A fake of Kafka for the loader. */
class Kafka implements TopicLoader {
  readonly records = new Map<string, (PastRecord & { offset: number })[]>();
  of(topic: string, partition = 0): (PastRecord & { offset: number })[] {
    const key = `${topic}/${partition}`;
    let found = this.records.get(key);
    if (found === undefined) this.records.set(key, (found = []));
    return found;
  }
  heads(topics: readonly string[]): Promise<Record<string, number[]>> {
    return Promise.resolve(
      Object.fromEntries(
        topics.map((topic) => [topic, Array.from({ length: PARTITIONS }, (_, p) => this.of(topic, p).length)]),
      ),
    );
  }
  append(topic: string, partition: number, records: readonly PastRecord[]): Promise<number> {
    const there = this.of(topic, partition);
    const first = there.length;
    for (const record of records) there.push({ ...record, offset: there.length });
    return Promise.resolve(first);
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}
const plain = (r: Pick<LogRecord, 'offset' | 'key' | 'headers' | 'timestamp' | 'value'>): unknown => [
  r.offset,
  r.key,
  r.headers,
  r.timestamp,
  textOf(r),
];
const copy = (folder = join(root, 'copy')) => dumpTopics(log, folder, { now: () => AT });

describe('a copy of the topics', () => {
  it('restores each record at its offset with its time; a gap keeps the offset of a compacted record', async () => {
    await log.append(PA_RECORDS, [
      said('pa.record-accepted.v1', 'a', { n: 1 }),
      said('pa.record-accepted.v1', 'b', { n: 2 }),
      said('pa.record-accepted.v1', 'a', { n: 3 }),
    ]);
    // Return only the records that compaction would leave.
    const { read } = log;
    log.read = async (topic, partition, from, limit) =>
      (await read.call(log, topic, partition, from, limit)).filter((r) => topic !== PA_RECORDS || r.offset > 0);
    await log.append(PA_CONSENT, [said('pa.opted-out.v1', 'm', { member: 'm' }, 1)]);
    await copy();
    const kafka = new Kafka();
    const { manifest } = await loadTopics(kafka, { folder: join(root, 'copy'), now: () => AT });
    expect(manifest.copied).toBe('2026-03-01T00:00:00.000Z');
    expect(kafka.of(PA_CONSENT, 1).map(plain)).toEqual((await log.read(PA_CONSENT, 1, 0, 10)).map(plain));
    const [gap, ...rest] = kafka.of(PA_RECORDS);
    expect([gap!.headers['ce_type'], gap!.offset]).toEqual(['pa.gap.v1', 0]);
    expect(rest.map(plain)).toEqual((await log.read(PA_RECORDS, 0, 0, 10)).map(plain));
    for (const { name } of TOPICS)
      if (name !== PA_REGISTRY) expect((await kafka.heads([name]))[name]).toEqual((await log.head([name]))[name]);
    expect(statSync(join(root, 'copy/manifest.json')).mode & 0o777).toBe(0o600);
  });

  it('keeps superseded versions with their offsets and times, also behind those that expired', async () => {
    const version = (versionId: number): NewRecord =>
      said('pa.record-superseded.v1', 'm', { member: 'm', type: 'Condition', id: 'c', versionId, line: '{}' });
    await log.append(PA_RECORD_VERSIONS, [version(1), version(2)]);
    await log.trim!(PA_RECORD_VERSIONS, Infinity);
    await log.append(PA_RECORD_VERSIONS, [version(3), version(4)]);
    await copy();
    const kafka = new Kafka();
    await loadTopics(kafka, { folder: join(root, 'copy'), now: () => AT });
    const loaded = kafka.of(PA_RECORD_VERSIONS);
    expect(loaded.map(({ offset, headers }) => [offset, headers['ce_type']])).toEqual([
      [0, 'pa.gap.v1'],
      [1, 'pa.gap.v1'],
      [2, 'pa.record-superseded.v1'],
      [3, 'pa.record-superseded.v1'],
    ]);
    expect(loaded.slice(2).map(plain)).toEqual((await log.read(PA_RECORD_VERSIONS, 0, 0, 10)).map(plain));
    // The retention of the topic counts from these times.
    expect(loaded.slice(2).map(({ timestamp }) => timestamp)).toEqual(
      (await log.read(PA_RECORD_VERSIONS, 0, 0, 10)).map(({ timestamp }) => timestamp),
    );
  });

  it('leaves out progress that stands for what is not in it', async () => {
    await log.append(PAYER_MEMBER_EVENTS, [said('payer.member-changed.v1', 'm', {})]);
    await log.append(PA_CONSENT, [progress(1), progress(1, { 'pa.groups': { 0: 7 } }), progress(9)]);
    await copy();
    const kafka = new Kafka();
    await loadTopics(kafka, { folder: join(root, 'copy'), now: () => AT });
    expect(kafka.of(PA_CONSENT).map((r) => r.headers['ce_type'])).toEqual(['pa.progress.v1', 'pa.gap.v1', 'pa.gap.v1']);
  });

  it('is refused where something is already, where it is not whole, and where the partitions are others', async () => {
    await log.append(PA_CONSENT, [said('pa.opted-out.v1', 'm', { member: 'm' })]);
    await copy();
    const folder = join(root, 'copy');
    await expect(copy()).rejects.toThrow(/is not empty: give the copy a new folder/);
    const kafka = new Kafka();
    await kafka.append('pa.groups', 1, [{ key: 'g', headers: {}, value: Buffer.alloc(0), timestamp: AT }]);
    await expect(loadTopics(kafka, { folder, now: () => AT })).rejects.toThrow(
      /^pa\.groups is not empty: load a copy into new topics/,
    );
    const file = join(folder, PA_CONSENT, '0.ndjson.gz');
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(1));
    await expect(loadTopics(new Kafka(), { folder, now: () => AT })).rejects.toThrow(
      /^pa\.consent\/0\.ndjson\.gz does not match its hash in the manifest/,
    );
    rmSync(join(folder, 'manifest.json'));
    await expect(loadTopics(new Kafka(), { folder, now: () => AT })).rejects.toThrow(
      /has no manifest\.json: the copy was not finished/,
    );
    const wide = openMemoryLog({ partitions: 3 });
    await dumpTopics(wide, join(root, 'wide'), { now: () => AT });
    await wide.close();
    await expect(loadTopics(new Kafka(), { folder: join(root, 'wide'), now: () => AT })).rejects.toThrow(
      /has 2 partitions, the copy 3: set KAFKA_PARTITIONS/,
    );
  });

  it('decides reads only after somebody confirms that payers re-sent the rest and intakes handled it all', async () => {
    await log.append(PA_CONSENT, [said('pa.opted-out.v1', 'm', { member: 'm' })]);
    await log.append(PAYER_MEMBER_EVENTS, [said('payer.member-opted-out.v1', 'm', {})]);
    await copy();
    const kafka = new Kafka();
    const { restore } = await loadTopics(kafka, { folder: join(root, 'copy'), now: () => AT });
    const word = [...kafka.of(PA_REGISTRY), ...kafka.of(PA_REGISTRY, 1)].filter(
      (r) => r.headers['ce_type'] === 'pa.log-restored.v1',
    );
    expect(word.map((r) => dataOf<unknown>(r))).toEqual([
      { restore, copied: '2026-03-01T00:00:00.000Z', restoredAt: '2026-03-01T00:00:00.000Z' },
    ]);
    const by = { by: 'administrator', reason: 'published again' };
    expect(await acceptRestore(log, by, AT)).toBe(0);
    await log.append(
      PA_REGISTRY,
      word.map((r) => ({ key: r.key, partitionKey: r.key, headers: r.headers, value: r.value })),
    );
    await expect(acceptRestore(log, by, AT)).rejects.toThrow(/^consent-intake has not handled all records/);
    const intakes = await Promise.all(
      ['consent-intake', 'attribution-intake'].map((group) =>
        log.subscribe({ group, topics: [PAYER_MEMBER_EVENTS], handle: () => Promise.resolve() }),
      ),
    );
    await expect.poll(() => acceptRestore(log, by, AT).catch(() => 'not yet')).toBe(1);
    expect(await acceptRestore(log, by, AT)).toBe(0);
    for (const intake of intakes) await intake.stop();
  });
});
