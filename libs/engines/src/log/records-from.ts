import type { EventLog, LogRecord } from './port.ts';

const PAGE = 1000;

/** The records of a partition from an offset up to its present end, read in pages. @throws EngineUnavailable */
export async function* recordsFrom(
  log: Pick<EventLog, 'read'>,
  topic: string,
  partition: number,
  from = 0,
): AsyncGenerator<LogRecord> {
  for (let next = from; ;) {
    const records = await log.read(topic, partition, next, PAGE);
    const last = records.at(-1);
    if (last === undefined) return;
    yield* records;
    next = last.offset + 1;
  }
}
