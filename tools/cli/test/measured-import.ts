import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Server } from '../src/client/server.ts';
import { importFile, type ImportReport } from '../src/import/import-file.ts';
import { IMPORT_KINDS } from '../src/import/kinds.ts';
import { NO_MAP } from '../src/import/map.ts';
import { PayerPlatform } from './payer-platform.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of the heap that are in use after a collection. */
function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/**
 * Imports a roster of so many rows, of which every hundredth is at fault. @returns the report, and how much the heap
 * grew between a tenth of the rows and the last one
 */
export async function measuredImport(rows: number): Promise<{ report: ImportReport; grownBytes: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-rows-'));
  const platform = new PayerPlatform();
  platform.forgets = true;
  await platform.listen();
  try {
    const file = join(folder, 'roster.csv');
    const sink = createWriteStream(file);
    sink.write('member,npi,from\n');
    for (let row = 0; row < rows; row += 1)
      if (!sink.write(`m-${row},${row % 100 === 99 ? '1234567890' : '1234567893'},2026-01-01\n`))
        await once(sink, 'drain');
    sink.end();
    await once(sink, 'close');
    let early: number | undefined;
    const report = await importFile(
      { file, kind: IMPORT_KINDS.roster, map: NO_MAP, time: '2026-01-01T00:00:00.000Z' },
      {
        server: new Server(platform.base),
        token: 'payer',
        outcomes: join(folder, 'outcomes.ndjson'),
        refused: join(folder, 'refused.csv'),
        onProgress: (progress) => {
          if (early === undefined && progress.rows >= rows / 10) early = heap();
        },
      },
    );
    return { report, grownBytes: heap() - early! };
  } finally {
    await platform.close();
    rmSync(folder, { recursive: true });
  }
}
