import { FileFault } from '@provider-access/full-files';
import { bytesOf } from '../client/documents.ts';
import { CliError, EXIT, table } from '../output.ts';

/** What a file is for the commands: a path. */
export const fileAt = (path: string): { readonly name: string; bytes(): AsyncIterable<Uint8Array> } => ({
  name: path,
  bytes: () => bytesOf(path),
});

/** A fault of a file as the commands end with it; any other error as it is. */
export function asCli(error: unknown): unknown {
  if (!(error instanceof FileFault)) return error;
  const { kind, message, detail } = error;
  if (detail.code !== 'faulty-rows') return new CliError(EXIT[kind], message);
  const rows = detail.rows.map(({ line, column = '', reason }) => [String(line), column, reason]);
  return new CliError(EXIT[kind], [message, ...table(['line', 'column', 'reason'], rows)].join('\n'));
}
/** @throws CliError in place of a FileFault */
export async function inCli<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asCli(error);
  }
}
/** @throws CliError in place of a FileFault */
export async function* eachInCli<T>(all: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* all;
  } catch (error) {
    throw asCli(error);
  }
}
