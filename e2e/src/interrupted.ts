import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { eventually } from '@provider-access/testing';
import { toStructured, type DomainEvent } from '@provider-access/events';
import { gunzipLines, verifyExport, type BulkResult, type PlatformProcess } from '@provider-access/cli';
import { syntheticPayer, type SyntheticPayer } from '@provider-access/synthetic';
import { largest, type SeeingOrganization } from './payers.ts';
import { AS_OF, http, json, type EventRow, type Served } from './road.ts';

/** Shared parts of scenarios in which something dies in the middle. */
export { setTimeout as sleep } from 'node:timers/promises';

/** For `eventually`, where a dozen processes and the engines share two cores. Only a hanging test takes so long. */
export const WAIT = { timeout: 240_000, interval: 250 };

/**
 * For deployments that are killed, restored or replaced during other work. engines-away.engine.spec.ts keeps the
 * default, because it tests facts that are too old.
 */
export const PATIENT = { FACTS_BOUND_MS: '20000' };

export interface SeenPayer {
  readonly payer: SyntheticPayer;
  readonly organization: SeeingOrganization;
}
/** Members whom the organization may not see. An answer with one of them is wrong. */
const OTHERS = 2;
/**
 * A payer and its organization with most members. To save time the payer has only the members whom that organization
 * sees, and two others.
 */
export function seenPayer({ seed, members }: { readonly seed: string; readonly members: number }): SeenPayer {
  const all = syntheticPayer({ seed, members, asOf: AS_OF });
  const organization = largest(all);
  const seen = organization.visible.map(({ n }) => n);
  // Members with an event that must become a dead letter come first, so that there are dead letters.
  const others = [...all.ledger.members()]
    .filter(({ n }) => !seen.includes(n))
    .toSorted((a, b) => b.parked.length - a.parked.length);
  const numbers = [...seen, ...others.slice(0, OTHERS).map(({ n }) => n)].toSorted((a, b) => a - b);
  return { payer: syntheticPayer({ seed, members: numbers, asOf: AS_OF }), organization };
}

/**
 * Posts events as one NDJSON stream. `onRows` gets the number of answered events so far.
 * @returns how many were answered, in order, before the answer ended or broke off, and the receipt that they name
 */
export function postStream(
  platform: PlatformProcess,
  events: readonly DomainEvent[],
  onRows: (count: number) => void,
): Promise<{ answered: number; receipt: string }> {
  return new Promise((resolve) => {
    let answered = 0;
    let receipt = '';
    const end = (): void => resolve({ answered, receipt });
    const call = request(
      `${platform.base}/events`,
      {
        method: 'POST',
        agent: false,
        headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${platform.payerToken}` },
      },
      (response) => {
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
          receipt = row.receipt ?? receipt;
          onRows(answered);
        });
        lines.on('error', end).on('close', end);
        response.on('error', end);
      },
    );
    call.on('error', end);
    for (const event of events) call.write(`${JSON.stringify(toStructured(event))}\n`);
    call.end();
  });
}

/** The number of written chunks of an export, 'sealed', or undefined if it cannot be read. */
export async function progressOf(
  status: string,
  token: string,
): Promise<{ written: number; planned: number } | 'sealed' | undefined> {
  const answer = await http(status, { token }).catch(() => undefined);
  if (answer?.status === 200) return 'sealed';
  const progress = /(\d+) of (\d+) chunks/.exec(String(answer?.headers['x-progress'] ?? ''));
  return progress === null ? undefined : { written: Number(progress[1]), planned: Number(progress[2]) };
}

/**
 * Waits until this share of the chunks of an export is written, or until it is sealed.
 * @returns the progress at that moment
 */
export async function written(status: string, token: string, share: number): Promise<string> {
  let seen: Awaited<ReturnType<typeof progressOf>>;
  await eventually(
    async () => {
      seen = await progressOf(status, token);
      return seen === 'sealed' || (seen !== undefined && seen.written >= Math.max(1, seen.planned * share));
    },
    { ...WAIT, what: `the export has written ${Math.round(share * 100)} % of its chunks`, interval: 20 },
  );
  return JSON.stringify(seen);
}

/** How many events of a receipt were handled. */
export async function handledOf({ base, payerToken }: Served, receipt: string): Promise<number> {
  const answer = await http(`${base}/events/receipts/${receipt}`, { token: payerToken });
  return answer.status === 200 ? json<{ handled: number }>(answer).handled : 0;
}

/** Ids of the events whose dead letters are open. */
export async function openLetters({ base, payerToken }: Served): Promise<ReadonlySet<string>> {
  const answer = await http(`${base}/events/dead-letters?status=open`, { token: payerToken });
  return new Set(json<{ deadLetters: { event: string }[] }>(answer).deadLetters.map(({ event }) => event));
}
/** Ids of a payer's events that must become dead letters. */
export const parkedIn = (payer: SyntheticPayer): ReadonlySet<string> =>
  new Set([...payer.ledger.members()].flatMap(({ parked }) => parked.map(({ event }) => event)));

/** Compares with the ledger of this provider, without members who left: nothing missing, doubled, foreign or priced. */
export async function holdsExactly(
  files: BulkResult['files'],
  payer: SyntheticPayer,
  npi: string,
  without: ReadonlySet<string>,
): Promise<void> {
  const verification = await verifyExport(files, payer, npi, without);
  expect(verification.faults).toEqual([]);
  expect(verification.membersFound).toBe([...payer.ledger.visibleMembers(npi)].length - without.size);
  expect(verification.resourcesFound).toBe(verification.resourcesExpected);
  expect(verification.optedOutFound).toBe(0);
}

/** The same, and as many lines as the manifest counts. */
export async function complete(
  result: BulkResult,
  payer: SyntheticPayer,
  npi: string,
  without: ReadonlySet<string>,
): Promise<void> {
  await holdsExactly(result.files, payer, npi, without);
  let lines = 0;
  for (const { file } of result.files) for await (const line of gunzipLines(file)) lines += line === '' ? 0 : 1;
  expect(lines).toBe(result.manifest.output.reduce((n, f) => n + (f.count ?? 0), 0));
}

/** An event that is handled twice is stored once: every resource has as many versions as the payer made. */
export async function versionsOf(files: BulkResult['files'], payer: SyntheticPayer, npi: string): Promise<string[]> {
  const versions = new Map(
    [...payer.ledger.visibleMembers(npi)].flatMap((m) =>
      [...m.resources].map(([about, held]) => [about, held.versions] as const),
    ),
  );
  const wrong: string[] = [];
  for (const { file } of files)
    for await (const line of gunzipLines(file)) {
      const resource = JSON.parse(line) as { resourceType: string; id: string; meta: { versionId: string } };
      const about = `${resource.resourceType}/${resource.id}`;
      const expected = versions.get(about);
      if (expected !== undefined && resource.meta.versionId !== String(expected))
        wrong.push(`${about} is version ${resource.meta.versionId}, not ${expected}`);
    }
  return wrong;
}
