import { textOf, dataOf } from '@provider-access/events';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '@provider-access/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedLog } from '../../src/log/embedded/index.ts';
import type { EventLog } from '../../src/log/index.ts';

const CHILD = fileURLToPath(new URL('./append-until-killed.ts', import.meta.url));
let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'eventlog-'));
  file = join(folder, 'log.db');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs the child (with a shell prefix) until it ends or `stop` returns true for its output. Returns its lines. */
async function run(
  prefix: string,
  args: readonly string[],
  stop: (lines: readonly string[]) => boolean,
): Promise<string[]> {
  const command = [process.execPath, '--conditions=@provider-access/source', '--no-warnings', CHILD, ...args]
    .map((a) => `'${a}'`)
    .join(' ');
  const child = spawn('/bin/sh', ['-c', `${prefix} exec ${command}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  const complete = (): string[] => output.split('\n').slice(0, -1);
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (stop(complete())) child.kill('SIGKILL');
  });
  await new Promise((resolve) => child.once('close', resolve));
  return complete();
}

async function callsIn(log: EventLog): Promise<Map<number, number>> {
  const calls = new Map<number, number>();
  for (let p = 0; p < (await log.partitions('t')); p++) {
    for (const r of await log.read('t', p, 0, 1_000_000)) {
      const { call } = dataOf<{ call: number }>(r);
      calls.set(call, (calls.get(call) ?? 0) + 1);
    }
  }
  return calls;
}

describe('the embedded log', () => {
  it('has every acknowledged append after kill -9, each call whole', async () => {
    for (let round = 0; round < 3; round++) {
      const lines = await run('', [file, '100'], (seen) => seen.length >= 40 + round * 7);
      const acknowledged = Number(lines.at(-1));
      expect(acknowledged).toBeGreaterThanOrEqual(39);
      const log = openEmbeddedLog({ file });
      const calls = await callsIn(log);
      for (let call = 0; call <= acknowledged; call++)
        expect(calls.get(call), `call ${call}`).toBeGreaterThanOrEqual(5);
      for (const count of calls.values()) expect(count % 5).toBe(0);
      await log.close();
    }
  });

  it('is unavailable while the disk is full, keeps what it acknowledged, and continues with room', async () => {
    // `ulimit -f` (blocks of 512 or 1,024 bytes) limits the file, as a full disk does.
    const lines = await run('ulimit -f 3000;', [file, '20000'], () => false);
    const failed = lines.indexOf('failed EngineUnavailable');
    expect(failed).toBeGreaterThan(0);
    const log = openEmbeddedLog({ file });
    const calls = await callsIn(log);
    for (let call = 0; call < failed; call++) expect(calls.get(call)).toBe(5);
    expect(lines.at(-1)).toMatch(/^heads \[/);
    await log.append('t', [{ key: 'k', partitionKey: 'k', headers: {}, value: '{"call":-1}' }]);
    expect((await callsIn(log)).get(-1)).toBe(1);
    await log.close();
  });
});

describe('the embedded log', () => {
  it('shows a second, reading process what the first appends, and lets it write nothing', async () => {
    const writer = openEmbeddedLog({ file, partitions: 1 });
    const given = (value: string) => [{ key: 'k', partitionKey: 'k', headers: {}, value }];
    await writer.append('t', given('1'));
    const reader = openEmbeddedLog({ file, partitions: 1, readonly: true });
    const seen: string[] = [];
    const following = await reader.follow({
      topics: ['t', 'later'],
      handle: (batch) => void seen.push(...batch.records.map(textOf)),
    });
    expect(seen).toEqual(['1']);
    await writer.append('t', given('2'));
    await eventually(() => seen.length === 2);
    expect(await reader.head(['t'])).toEqual({ t: [2] });
    await expect(reader.append('t', given('3'))).rejects.toThrow('opened to read');
    await expect(reader.subscribe({ group: 'g', topics: ['t'], handle: async () => undefined })).rejects.toThrow(
      'opened to read',
    );
    await writer.append('later', given('3'));
    await eventually(() => seen.length === 3);
    const group = await writer.subscribe({ group: 'g', topics: ['t'], handle: async () => undefined });
    await eventually(async () => (await reader.committed('g', ['t']))['t']![0] === 2);
    await group.stop();
    await following.stop();
    await Promise.all([reader.close(), writer.close()]);
  });

  it('keeps the partition count of a topic, whatever later openings ask for', async () => {
    const first = openEmbeddedLog({ file, partitions: 3 });
    expect(await first.partitions('t')).toBe(3);
    await first.close();
    const second = openEmbeddedLog({ file, partitions: 8 });
    expect([await second.partitions('t'), await second.partitions('u')]).toEqual([3, 8]);
    await second.close();
  });

  it('gives the topics of a new file one partition, and new topics as many as the file has (ADR 0133)', async () => {
    const fresh = openEmbeddedLog({ file });
    expect([await fresh.partitions('t'), await fresh.head(['u'])]).toEqual([1, { u: [0] }]);
    await fresh.close();
    const other = join(folder, 'of-an-earlier-release.db');
    const earlier = openEmbeddedLog({ file: other, partitions: 4 });
    await earlier.partitions('t');
    await earlier.close();
    const now = openEmbeddedLog({ file: other });
    expect([await now.partitions('t'), await now.partitions('u')]).toEqual([4, 4]);
    await now.close();
  });

  it('trims by time without giving an offset twice, also when nothing is left', async () => {
    let now = 1000;
    const log = openEmbeddedLog({ file, partitions: 1, now: () => now });
    const given = (value: string) => [{ key: 'k', partitionKey: 'k', headers: {}, value }];
    await log.append('t', given('old'));
    now = 2000;
    await log.append('t', given('new'));
    expect(await log.trim!('t', 1500)).toBe(1);
    expect((await log.read('t', 0, 0, 10)).map((r) => r.offset)).toEqual([1]);
    expect(await log.trim!('t', 5000)).toBe(1);
    await log.close();
    const again = openEmbeddedLog({ file });
    expect(await again.head(['t'])).toEqual({ t: [2] });
    expect(await again.append('t', given('next'))).toEqual([{ partition: 0, offset: 2 }]);
    const seen: number[] = [];
    await (
      await again.follow({ topics: ['t'], handle: (batch) => void seen.push(...batch.records.map((r) => r.offset)) })
    ).stop();
    expect(seen).toEqual([2]);
    await again.close();
  });

  it('compacts to the last record of each key', async () => {
    const log = openEmbeddedLog({ file, partitions: 1 });
    await log.append(
      't',
      ['a', 'b', 'a', 'c', 'b'].map((key, i) => ({ key, partitionKey: key, headers: {}, value: String(i) })),
    );
    expect(await log.compact!('t')).toBe(2);
    expect((await log.read('t', 0, 0, 10)).map((r) => r.offset)).toEqual([2, 3, 4]);
    expect(await log.head(['t'])).toEqual({ t: [5] });
    await log.close();
  });

  it('refuses a folder that is not there by name', () => {
    expect(() => openEmbeddedLog({ file: join(folder, 'missing', 'log.db') })).toThrow(
      expect.objectContaining({ name: 'EngineUnavailable' }),
    );
  });
});
