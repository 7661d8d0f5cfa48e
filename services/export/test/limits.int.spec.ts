import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { labelRules } from '@provider-access/domain/pdex/labels';
import type { Blobs } from '@provider-access/engines/blob';
import type { RecordsReader, StoredRecord } from '@provider-access/records';
import type { ViewReader } from '@provider-access/engines/views';
import { memberFacts } from '@provider-access/facts/views';
import type { ChunkTask } from '../src/jobs/chunk-task.ts';
import { writeChunk } from '../src/jobs/chunk-writer.ts';
import { Platform } from './harness.ts';

const KB = 1024;
let platform: Platform;
afterEach(() => platform.dispose());

describe('parts', () => {
  it('roll over at their limits, by resources and by bytes: each file within them, each line once', async () => {
    const partLimits = { resources: 5, plain: 4 * KB, segment: KB, stretch: KB };
    platform = await Platform.start({ chunkMembers: 4, partLimits });
    await platform.client('c1');
    await platform.group();
    const members = ['m1', 'm2', 'm3', 'm4', 'm5'];
    await platform.members(members);
    await platform.resources([
      ...members.flatMap((member) =>
        Array.from({ length: 2 }, (_, i) => ({
          member,
          type: 'Observation',
          id: `${member}-o${i}`,
          references: Array.from({ length: 3 }, (__, n) => `Organization/${member}-${n}`),
        })),
      ),
      ...members.flatMap((member) =>
        Array.from({ length: 3 }, (_, i) => ({ member, type: 'Goal', id: `${member}-g${i}`, text: 'x'.repeat(900) })),
      ),
      ...members.flatMap((member) =>
        Array.from({ length: 3 }, (_, n) => ({ member: 'shared', type: 'Organization', id: `${member}-${n}` })),
      ),
    ]);
    const manifest = await platform.manifest(await platform.kickOff());
    const files = Object.groupBy(manifest.output, (f) => f.type);
    // Two chunks of 4 members and 1 member: 8 and 2 observations in segments of two; 15 organizations at the seal.
    expect(files['Observation']!.map((f) => f.count)).toEqual([4, 4, 2]);
    expect(files['Organization']!.map((f) => f.count)).toEqual([5, 5, 5]);
    expect(files['Goal']!.length).toBeGreaterThanOrEqual(4);
    for (const { url, count } of manifest.output) {
      const text = await (await platform.fetch(url)).text();
      expect(text.split('\n').length - 1).toBe(count);
      expect(count).toBeLessThanOrEqual(partLimits.resources);
      expect(text.length).toBeLessThanOrEqual(partLimits.plain);
    }
    const lines = await platform.lines(manifest);
    expect(
      Object.fromEntries(Object.entries(lines).map(([type, all]) => [type, new Set(all.map((r) => r.id)).size])),
    ).toEqual({ Observation: 10, Goal: 15, Organization: 15 });
    expect(new Set(manifest.output.map((f) => f.url)).size).toBe(manifest.output.length);
  });
});

describe('a chunk', () => {
  const limits = { resources: 1000, plain: 512 * KB, segment: 32 * KB, stretch: 16 * KB };
  const LINE = 4 * KB;
  /** Most bytes of lines in one read. */
  const TOGETHER = 1024 * KB;
  const TYPES = ['Condition', 'DocumentReference', 'Observation'];
  // One member with much more data than fits into memory, and many members with much data.
  it.each([
    ['of one enormous member', 1, 1500],
    ['of 30 large members', 30, 50],
  ])('%s holds no more than its limits in memory', async (_, count, each) => {
    platform = await Platform.start();
    await platform.client('c1');
    await platform.group();
    const members = Array.from({ length: count }, (__, i) => `m${String(i).padStart(3, '0')}`);
    await platform.members(members);
    let held = 0;
    let most = 0;
    let read = 0;
    const pages: { readonly pageSize?: number; readonly pageBytes?: number }[] = [];
    const records = {
      holders: async () => [],
      async *scanMember(member: string, options: (typeof pages)[number] = {}): AsyncIterable<StoredRecord> {
        pages.push(options);
        for (let i = 0; i < each; i++) {
          // Incompressible, so that memory can be measured as bytes read minus bytes written.
          const line = Buffer.from(randomBytes(LINE).toString('latin1').replaceAll('\n', ' '), 'latin1');
          held += line.length;
          read += line.length;
          most = Math.max(most, held);
          yield {
            member,
            type: TYPES[Math.floor((i * TYPES.length) / each)]!,
            id: `${i}`,
            references: [],
            bytes: line.length,
            line,
            // Otherwise each line would be parsed to find them.
            labels: [],
            labelsBy: labelRules(),
          } as unknown as StoredRecord;
        }
      },
    } as unknown as RecordsReader;
    const blobs: Blobs = {
      ...platform.blobs,
      put: (name, content) => platform.blobs.put(name, content),
      async writer(name) {
        const writer = await platform.blobs.writer(name);
        return {
          write: async (bytes) => {
            held -= bytes.byteLength;
            await writer.write(bytes);
          },
          commit: () => writer.commit(),
          abort: () => writer.abort(),
        };
      },
    };
    const facts: ViewReader = platform.reader(memberFacts);
    const task: ChunkTask = {
      ...platform.taskOf({ job: 'j', chunk: 0, fence: 1, group: 'g-one', types: TYPES, members }),
      limits,
    };
    const { summary } = await writeChunk(task, {
      records,
      facts,
      blobs,
      clock: platform.clock,
      labels: platform.labels(),
    });
    expect(summary.released).toEqual(members);
    expect(summary.parts.reduce((n, part) => n + part.resources, 0)).toBe(count * each);
    expect(Math.max(...summary.parts.map((part) => part.plain))).toBeLessThanOrEqual(limits.plain);
    expect(read).toBeGreaterThan(5_000_000);
    // An unfinished segment, for each type a stretch with the segment that filled it, and the lines that are decided
    // together.
    const written = (limits.segment + LINE) * 2 + TYPES.length * (limits.stretch + limits.segment);
    expect(most).toBeLessThan(written + TOGETHER + LINE);
    expect(new Set(pages.map(({ pageBytes }) => pageBytes))).toEqual(new Set([TOGETHER]));
    expect(Math.max(...pages.map(({ pageSize = Infinity }) => pageSize))).toBeLessThanOrEqual(256);
  });
});
