import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { expect } from 'vitest';
import type { PlatformProcess } from '@provider-access/cli';
import { slowly } from './harness.ts';
import { open } from './road.ts';

/**
 * 2 MB that do not compress well. Many of them fill every buffer between the platform and a client that does not read.
 */
const DOCUMENT_BYTES = 1_600_000;
/** Two attachments, because a larger one would not be in the resource. */
const PAGES = 2;
export const largeDocumentOf = (member: string): { readonly resource: unknown } => ({
  resource: {
    resourceType: 'DocumentReference',
    id: `${member}-large`,
    status: 'current',
    type: { text: 'Scan' },
    subject: { reference: `Patient/${member}` },
    date: '2024-05-01T10:00:00Z',
    content: Array.from({ length: PAGES }, () => ({
      attachment: {
        contentType: 'application/octet-stream',
        data: randomBytes(DOCUMENT_BYTES / PAGES).toString('base64'),
      },
    })),
  },
});

/** Reads until the end or the cut. */
export async function drain(response: IncomingMessage, into: Buffer[]): Promise<boolean> {
  const ended = new Promise<void>((resolve) =>
    response
      .once('end', resolve)
      .once('close', resolve)
      .once('error', () => resolve()),
  );
  response.on('data', (chunk: Buffer) => into.push(chunk));
  response.resume();
  await ended;
  return response.complete;
}
/** Opens a file, takes its first bytes, and then does not read. */
export const begun = (
  platform: PlatformProcess,
  url: string,
  as: string,
  headers: Record<string, string>,
): Promise<{ response: IncomingMessage; chunks: Buffer[] }> => begunAt(slowly(platform, url), as, headers);
/** The same at this address. */
export async function begunAt(
  url: string,
  as: string,
  headers: Record<string, string>,
): Promise<{ response: IncomingMessage; chunks: Buffer[] }> {
  const response = await open(url, { token: as, headers });
  expect(response.statusCode).toBe(200);
  const [chunk] = (await once(response, 'data')) as [Buffer];
  response.pause();
  response.removeAllListeners('data');
  return { response, chunks: [chunk] };
}
