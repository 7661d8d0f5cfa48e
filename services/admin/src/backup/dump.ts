import { readdir } from 'node:fs/promises';
import { makeFolder } from '@provider-access/kernel/folders';
import {
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_PROVIDERS,
  PA_RECORDS,
  PROGRESS_TYPE,
  TOPICS,
  type Progress,
  dataOf,
} from '@provider-access/events';
import { type EventLog, type LogRecord, type Position, recordsFrom } from '@provider-access/engines/log';
import { CopyRefused, writeManifest, writePartition, type CopiedRecord, type Manifest } from './copy.ts';

/**
 * The order in which heads are read while the platform runs. Topics with progress come first, because the records that
 * a progress record confirms in other topics were appended before it. Payer topics come last: after a restore, intakes
 * read them from the start and derive again what the copies of our own topics lack.
 */
const FIRST = [PA_ATTRIBUTION, PA_PROVIDERS, PA_CONSENT, PA_RECORDS];
const COPIED: readonly string[] = [
  ...FIRST,
  ...TOPICS.filter(({ name, role }) => role !== 'inbound' && !FIRST.includes(name)).map(({ name }) => name),
  ...TOPICS.filter(({ role }) => role === 'inbound').map(({ name }) => name),
];

/**
 * Copies every topic up to its present head into an empty folder, while the platform runs.
 * @throws CopyRefused when the folder is not empty; EngineUnavailable
 */
export async function dumpTopics(
  log: EventLog,
  folder: string,
  options: { readonly now: () => number; readonly progress?: (line: string) => void },
): Promise<Manifest> {
  try {
    makeFolder(folder, 0o700);
  } catch (error) {
    throw new CopyRefused(`${folder} cannot be created (${(error as NodeJS.ErrnoException).code})`);
  }
  if ((await readdir(folder)).length > 0) throw new CopyRefused(`${folder} is not empty: give the copy a new folder`);
  const copied = new Date(options.now()).toISOString();
  const heads: Record<string, readonly number[]> = {};
  for (const topic of COPIED) heads[topic] = (await log.head([topic]))[topic]!;
  const topics: Manifest['topics'] = [];
  for (const name of COPIED) {
    const partitions = [];
    for (const [partition, head] of heads[name]!.entries())
      partitions.push(
        await writePartition(
          folder,
          `${name}/${partition}.ndjson.gz`,
          head,
          recordsOf(log, name, partition, head, heads),
        ),
      );
    options.progress?.(`${name}: ${partitions.reduce((n, p) => n + p.records, 0)} records`);
    topics.push({ name, partitions });
  }
  const manifest: Manifest = { format: 'provider-access-topics/1', copied, topics };
  await writeManifest(folder, manifest);
  return manifest;
}

async function* recordsOf(
  log: EventLog,
  topic: string,
  partition: number,
  head: number,
  heads: Position,
): AsyncGenerator<CopiedRecord> {
  for await (const record of recordsFrom(log, topic, partition)) {
    if (record.offset >= head) return;
    if (!isAhead(record, heads)) yield record;
  }
}

/**
 * Whether a progress record refers to records that are not in the copy. Views would wait for them for ever, so the copy
 * leaves such progress out. The intakes append progress again.
 */
function isAhead(record: LogRecord, heads: Position): boolean {
  if (record.headers['ce_type'] !== PROGRESS_TYPE) return false;
  const { after, topic, partition, next } = dataOf<Progress>(record);
  if (next > (heads[topic]?.[partition] ?? Infinity)) return true;
  return Object.entries(after ?? {}).some(([output, offsets]) =>
    Object.entries(offsets).some(([p, offset]) => offset > (heads[output]?.[Number(p)] ?? Infinity)),
  );
}
