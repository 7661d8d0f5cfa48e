import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import type { NewRecord } from '@provider-access/engines/log';
import { encodeEvent, type ExportDownloaded, PA_EXPORTS } from '@provider-access/events';
import { instant } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';

const MINUTE = 60_000;
/** Files whose downloads end within this time share one append, ms. */
const GATHER_MS = 250;
type Of = Pick<ExportDownloaded, 'job' | 'client' | 'file'>;
interface Noted {
  readonly of: Of;
  readonly writtenAt: number;
  bytes: number;
  complete: boolean;
  count: number;
}
const notedSince = (writtenAt: number, of: Of): Noted => ({ of, writtenAt, bytes: 0, complete: false, count: 0 });

/**
 * Publishes for operators how many bytes of a file were sent; the audit only records what was released. Because a
 * client may ask for a file byte by byte, a file has at most one event a minute. The first request is published soon,
 * with those of other files, later requests together (`count`). A killed process loses the counts that it has not
 * published.
 */
@Injectable()
export class DownloadNotes {
  private readonly files = new Map<string, Noted>();
  private timer: NodeJS.Timeout | undefined;
  private gathering: NodeJS.Timeout | undefined;

  constructor(@Inject(PORTS) private readonly ports: Pick<ServicePorts, 'log' | 'clock' | 'logger' | 'metrics'>) {}

  start(): void {
    this.timer ??= setInterval(() => void this.flush(false), MINUTE).unref();
  }
  /** Publishes the remaining counts. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    clearTimeout(this.gathering);
    this.timer = this.gathering = undefined;
    await this.flush(true);
  }

  /** Counts the bytes of a download until it ends. */
  count(stream: Readable, of: Of): void {
    let bytes = 0;
    let complete = false;
    stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    stream.once('end', () => (complete = true));
    stream.once('close', () => {
      this.ports.metrics.count('pa_export_downloaded_bytes_total', {}, bytes);
      this.ended(of, bytes, complete);
    });
  }

  /** Counts a request that has ended. `complete`: all requested bytes were sent. */
  ended(of: Of, bytes: number, complete: boolean): void {
    const key = `${of.job}/${of.file}`;
    const noted = this.files.get(key) ?? notedSince(-Infinity, of);
    noted.bytes += bytes;
    noted.complete ||= complete;
    noted.count += 1;
    this.files.set(key, noted);
    if (!this.due(noted)) return;
    this.gathering ??= setTimeout(() => {
      this.gathering = undefined;
      void this.flush(false);
    }, GATHER_MS).unref();
  }

  private due({ writtenAt }: Noted): boolean {
    const now = this.ports.clock.now();
    return now >= writtenAt + MINUTE || now < writtenAt;
  }
  private async flush(all: boolean): Promise<void> {
    const { log, clock, logger } = this.ports;
    const now = clock.now();
    const records: NewRecord[] = [];
    for (const [key, noted] of [...this.files]) {
      if (!all && !this.due(noted)) continue;
      if (noted.count === 0) {
        this.files.delete(key);
        continue;
      }
      this.files.set(key, notedSince(now, noted.of));
      records.push(eventOf(noted, instant(now)));
    }
    if (records.length === 0) return;
    await log
      .append(PA_EXPORTS, records)
      .catch(() => logger.warn({}, 'could not publish the bytes of downloads; the audit has the downloads'));
  }
}

function eventOf({ of, bytes, complete, count }: Noted, at: string): NewRecord {
  const data: ExportDownloaded = { ...of, at, bytes, complete, ...(count > 1 && { count }) };
  return encodeEvent({
    id: randomUUID(),
    source: 'urn:provider-access:export',
    type: 'pa.export-downloaded.v1',
    time: at,
    subject: of.job,
    data,
  });
}
