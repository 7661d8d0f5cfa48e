import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Server } from '../src/client/server.ts';
import { importFile, type ImportReport } from '../src/import/import-file.ts';
import { IMPORT_KINDS, NO_MAP } from '@provider-access/full-files';
import { fileAt } from '../src/import/file-faults.ts';
import { PayerPlatform } from './payer-platform.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of the heap that are in use after a collection. */
function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** How a program writes a roster: the header, what follows the first three columns, the separator, the encoding. */
interface Form {
  readonly header: readonly string[];
  readonly more: readonly string[];
  readonly separator: string;
  readonly encoding: 'utf8' | 'latin1';
}
const PLAIN: Form = { header: ['member', 'npi', 'from'], more: [], separator: ',', encoding: 'utf8' };
/** As a spreadsheet does on Windows in much of Europe. A cell has letters of Windows-1252, and the separator. */
export const OF_WINDOWS: Form = {
  header: ['Member', ' NPI ', 'FROM', 'Straße'],
  more: ['"Müller & Söhne; Köln"'],
  separator: ';',
  encoding: 'latin1',
};

/**
 * Imports a roster of so many rows, of which every hundredth is at fault. @returns the report, how much the heap grew
 * between a tenth of the rows and the last one, and the refused rows as they are in their file
 */
export async function measuredImport(
  rows: number,
  { header, more, separator, encoding }: Form = PLAIN,
): Promise<{ report: ImportReport; grownBytes: number; refused: readonly string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-rows-'));
  const platform = new PayerPlatform();
  platform.forgets = true;
  await platform.listen();
  try {
    const file = join(folder, 'roster.csv');
    const sink = createWriteStream(file);
    const write = (cells: readonly string[]): boolean => sink.write(`${cells.join(separator)}\n`, encoding);
    write(header);
    for (let row = 0; row < rows; row += 1)
      if (!write([`m-${row}`, row % 100 === 99 ? '1234567890' : '1234567893', '2026-01-01', ...more]))
        await once(sink, 'drain');
    sink.end();
    await once(sink, 'close');
    let early: number | undefined;
    const report = await importFile(
      { file: fileAt(file), kind: IMPORT_KINDS.roster, map: NO_MAP, time: '2026-01-01T00:00:00.000Z' },
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
    const grownBytes = heap() - early!;
    const refused = readFileSync(report.refusedFile!, 'utf8').trimEnd().split('\n');
    return { report, grownBytes, refused };
  } finally {
    await platform.close();
    rmSync(folder, { recursive: true });
  }
}
