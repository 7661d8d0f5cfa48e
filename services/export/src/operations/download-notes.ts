import { randomUUID } from 'node:crypto';
import { encodeEvent, type ExportDownloaded, PA_EXPORTS } from '@provider-access/events';
import { instant } from '@provider-access/kernel';
import type { ServicePorts } from '@provider-access/service/http';

const MINUTE = 60_000;
type Of = Pick<ExportDownloaded, 'job' | 'client' | 'file'>;
interface Noted {
  readonly of: Of;
  readonly writtenAt: number;
  bytes: number;
  complete: boolean;
  count: number;
}

/**
 * Facts for the operator, beside the audit: how much of a file was really sent. A client may ask for a file byte by
 * byte, so a file has at most one event a minute: the first request at once, later ones together (`count`). A killed
 * process loses what it had not written.
 */
export class DownloadNotes {
  private readonly ports: Pick<ServicePorts, 'log' | 'clock' | 'logger'>;
  private readonly files = new Map<string, Noted>();
  private timer: NodeJS.Timeout | undefined;

  constructor(ports: DownloadNotes['ports']) {
    this.ports = ports;
  }

  start(): void {
    this.timer ??= setInterval(() => void this.flush(false), MINUTE).unref();
  }
  /** Writes what is counted. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.flush(true);
  }

  /** A request for a file has ended: so many bytes were sent, all that were asked for or not. */
  async ended(of: Of, bytes: number, complete: boolean): Promise<void> {
    const key = `${of.job}/${of.file}`;
    const noted = this.files.get(key) ?? {
      of,
      writtenAt: Number.NEGATIVE_INFINITY,
      bytes: 0,
      complete: false,
      count: 0,
    };
    noted.bytes += bytes;
    noted.complete ||= complete;
    noted.count += 1;
    this.files.set(key, noted);
    if (this.due(noted)) await this.write(key, noted);
  }

  private due({ writtenAt }: Noted): boolean {
    const now = this.ports.clock.now();
    return now >= writtenAt + MINUTE || now < writtenAt;
  }
  private async flush(all: boolean): Promise<void> {
    for (const [key, noted] of [...this.files]) {
      if (!all && !this.due(noted)) continue;
      if (noted.count > 0) await this.write(key, noted);
      else this.files.delete(key);
    }
  }
  private async write(key: string, { of, bytes, complete, count }: Noted): Promise<void> {
    const { log, clock, logger } = this.ports;
    const now = clock.now();
    const at = instant(now);
    this.files.set(key, { of, writtenAt: now, bytes: 0, complete: false, count: 0 });
    const data: ExportDownloaded = { ...of, at, bytes, complete, ...(count > 1 && { count }) };
    const record = encodeEvent({
      id: randomUUID(),
      source: 'urn:provider-access:export',
      type: 'pa.export-downloaded.v1',
      time: at,
      subject: of.job,
      data,
    });
    await log
      .append(PA_EXPORTS, [record])
      .catch(() => logger.warn({}, 'a download could not be noted; it is in the audit'));
  }
}
