import { createWriteStream, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

const GZIP = '1f8b';

/**
 * Keeps standard input in a file for its owner alone, because an import that breaks off reads its rows again. The file
 * goes with the process. @returns its path
 */
export async function keepStandardInput(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'pa-import-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'standard-input.csv');
  await pipeline(process.stdin, createWriteStream(file, { mode: 0o600 }));
  const handle = await open(file);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
  await handle.close();
  if (buffer.subarray(0, bytesRead).toString('hex') !== GZIP) return file;
  renameSync(file, `${file}.gz`);
  return `${file}.gz`;
}
