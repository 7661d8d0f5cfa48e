import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { toStructured, type DomainEvent } from '@provider-access/events';
import { gunzipLines, verifyExport, type BulkResult, type PlatformProcess } from '@provider-access/cli';
import type { SyntheticPayer } from '@provider-access/synthetic';
import { http, type EventRow } from './road.ts';

/** What scenarios share in which something dies in the middle. */

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Posts events as one NDJSON stream; `onRows` is told how many were answered so far.
 * @returns how many were answered before the answer ended or broke off; rows come in order
 */
export function postStream(platform: PlatformProcess, events: readonly DomainEvent[], onRows: (count: number) => void): Promise<number> {
  return new Promise((resolve) => {
    let answered = 0;
    const call = request(`${platform.base}/events`, { method: 'POST', agent: false, headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${platform.payerToken}` } }, (response) => {
      const lines = createInterface({ input: response });
      lines.on('line', (line) => {
        let row: Partial<EventRow>;
        try {
          row = JSON.parse(line) as Partial<EventRow>;
        } catch {
          return; // the line at which the connection broke
        }
        if (row.index === undefined) return;
        expect(row.status).not.toBe('refused');
        answered = row.index + 1;
        onRows(answered);
      });
      lines.on('error', () => resolve(answered)).on('close', () => resolve(answered));
      response.on('error', () => resolve(answered));
    });
    call.on('error', () => resolve(answered));
    for (const event of events) call.write(`${JSON.stringify(toStructured(event))}\n`);
    call.end();
  });
}

/** Chunks written of an export, 'sealed', or undefined when it cannot be asked. */
export async function progressOf(status: string, token: string): Promise<{ written: number; planned: number } | 'sealed' | undefined> {
  const answer = await http(status, { token }).catch(() => undefined);
  if (answer?.status === 200) return 'sealed';
  const progress = /(\d+) of (\d+) chunks/.exec(String(answer?.headers['x-progress'] ?? ''));
  return progress === null ? undefined : { written: Number(progress[1]), planned: Number(progress[2]) };
}

/** What the ledger says about this provider, without whoever left: nothing missing, doubled, foreign or priced. */
export async function holdsExactly(files: BulkResult['files'], payer: SyntheticPayer, npi: string, without: ReadonlySet<string>): Promise<void> {
  const verification = await verifyExport(files, payer, npi, without);
  expect(verification.faults).toEqual([]);
  expect(verification.membersFound).toBe([...payer.ledger.visibleMembers(npi)].length - without.size);
  expect(verification.resourcesFound).toBe(verification.resourcesExpected);
  expect(verification.optedOutFound).toBe(0);
}

/** The same, and as many lines as the manifest counts. */
export async function complete(result: BulkResult, payer: SyntheticPayer, npi: string, without: ReadonlySet<string>): Promise<void> {
  await holdsExactly(result.files, payer, npi, without);
  let lines = 0;
  for (const { file } of result.files) for await (const line of gunzipLines(file)) lines += line === '' ? 0 : 1;
  expect(lines).toBe(result.manifest.output.reduce((n, f) => n + (f.count ?? 0), 0));
}

/** Handled twice is stored once: every resource has as many versions as the payer made. */
export async function versionsOf(files: BulkResult['files'], payer: SyntheticPayer, npi: string): Promise<string[]> {
  const versions = new Map([...payer.ledger.visibleMembers(npi)].flatMap((m) => [...m.resources].map(([about, held]) => [about, held.versions] as const)));
  const wrong: string[] = [];
  for (const { file } of files) for await (const line of gunzipLines(file)) {
    const resource = JSON.parse(line) as { resourceType: string; id: string; meta: { versionId: string } };
    const about = `${resource.resourceType}/${resource.id}`;
    const expected = versions.get(about);
    if (expected !== undefined && resource.meta.versionId !== String(expected)) wrong.push(`${about} is version ${resource.meta.versionId}, not ${expected}`);
  }
  return wrong;
}
