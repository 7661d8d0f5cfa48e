import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type PlatformProcess, startPlatform } from '@provider-access/cli';
import { type DomainEvent, toStructured } from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import { BUDGETS } from '@provider-access/testing/budgets';
import { http, json, payerEvent, viewsCaughtUp } from '../road.ts';
import { between, counting, MARK } from './counts.ts';

const folder = mkdtempSync(join(tmpdir(), 'parses-'));
const { env, counts } = counting(join(folder, 'counts.json'));
let platform: PlatformProcess;
beforeAll(async () => {
  platform = await startPlatform({ dataDir: join(folder, 'data'), env });
}, 300_000);
afterAll(async () => {
  await platform?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The mark is where no event that the platform derives has it. */
const mark = { mark: MARK };
const recorded = (member: string, resource: object): DomainEvent =>
  payerEvent('payer.resource-recorded.v1', member, {
    resource: { ...resource, meta: { source: `urn:example:${MARK}` } },
  });
const observation = (member: string, id: string, text: string): DomainEvent =>
  recorded(member, {
    resourceType: 'Observation',
    id: `${member}-${id}`,
    status: 'final',
    code: { text },
    subject: { reference: `Patient/${member}` },
    effectiveDateTime: '2024-05-01',
  });
/** One event of each kind that is read in its own way, and an ordinary one of some kilobytes. */
const eventsOf = (member: string): readonly DomainEvent[] => [
  payerEvent('payer.member-enrolled.v1', member, { coverageId: `${member}-c`, from: '2020-01-01', ...mark }),
  payerEvent('payer.attribution-asserted.v1', member, { provider: { npi: '1234567893' }, from: '2020-01-01', ...mark }),
  payerEvent('payer.members-merged.v1', member, { from: `${member}-retired`, ...mark }),
  payerEvent('payer.member-opted-out.v1', member, mark),
  payerEvent('payer.member-opted-in.v1', member, mark),
  payerEvent('payer.resource-deleted.v1', member, { resourceType: 'Condition', id: `${member}-d`, ...mark }),
  recorded(member, { resourceType: 'Patient', id: member }),
  recorded(member, {
    resourceType: 'Coverage',
    id: `${member}-coverage`,
    status: 'active',
    beneficiary: { reference: `Patient/${member}` },
    payor: [{ display: 'Payer' }],
    period: { start: '2024-01-01' },
  }),
  recorded(member, {
    resourceType: 'Consent',
    id: `${member}-consent`,
    status: 'active',
    scope: { text: 'privacy' },
    category: [{ text: 'privacy' }],
    patient: { reference: `Patient/${member}` },
    policyRule: { text: 'opt-out' },
    provision: { type: 'deny' },
  }),
  observation(member, 'o1', 'x'.repeat(8_000)),
  observation(member, 'o2', 'Müller "quoted"'),
  // Faults become dead letters.
  recorded(member, { resourceType: 'Nonsense', id: `${member}-n` }),
  { ...observation(member, 'o3', 'later'), time: '2999-01-01T00:00:00Z' },
  payerEvent('payer.member-enrolled.v1', member, { from: 'noon', ...mark }),
  payerEvent('payer.provider-recorded.v1', '1234567893', {
    resource: { resourceType: 'Organization', id: `${member}-org`, meta: { source: `urn:example:${MARK}` } },
  }),
];

/** As Python writes it: with escapes for all that is not ASCII. */
const escaped = (text: string): string =>
  text.replaceAll(/[^\0-\x7f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Sends events, and @returns their receipts. */
type Publish = (events: readonly DomainEvent[]) => Promise<readonly string[]>;
async function post(type: string, body: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await http(`${platform.base}/events`, {
    method: 'POST',
    token: platform.payerToken,
    headers: { 'content-type': type, ...headers },
    body,
  });
  expect(answer.status).toBeLessThan(300);
  return answer.body.toString();
}
const receiptOf = (text: string): string => /"receipt":"([^"]+)"/.exec(text)![1]!;
const lines = (events: readonly DomainEvent[]): string =>
  events.map((event) => `${JSON.stringify(toStructured(event))}\n`).join('');

const FORMS: Readonly<Record<string, Publish>> = {
  'lines of NDJSON': async (events) => [receiptOf(await post('application/x-ndjson', lines(events)))],
  'lines with escapes': async (events) => [receiptOf(await post('application/x-ndjson', escaped(lines(events))))],
  'many lines of NDJSON': async (events) => [
    receiptOf(await post('application/x-ndjson', lines(events) + lines(Array.from({ length: 9 }, () => events[9]!)))),
  ],
  'JSON arrays': async (events) => [
    receiptOf(await post('application/cloudevents-batch+json', JSON.stringify(events.map(toStructured)))),
  ],
  'large JSON arrays': async (events) => [
    receiptOf(
      await post(
        'application/cloudevents-batch+json',
        JSON.stringify([...events, ...Array.from({ length: 9 }, () => events[9]!)].map(toStructured), undefined, 1),
      ),
    ),
  ],
  'single bodies': (events) =>
    Promise.all(
      events.map(async (event) =>
        receiptOf(await post('application/cloudevents+json', JSON.stringify(toStructured(event)))),
      ),
    ),
  'bodies with attributes in headers': (events) =>
    Promise.all(
      events.map(async ({ id, source, type, time, subject, data }) =>
        receiptOf(
          await post('application/json', JSON.stringify(data), {
            'ce-specversion': '1.0',
            'ce-id': id,
            'ce-source': source,
            'ce-type': type,
            'ce-time': time,
            'ce-subject': subject!,
          }),
        ),
      ),
    ),
};

/** A repeated event counts as one more. */
const REPEATED: Readonly<Record<string, number>> = { 'many lines of NDJSON': 9, 'large JSON arrays': 9 };

it.each(Object.keys(FORMS))('parses the bytes of an event once: %s', async (form) => {
  const events = eventsOf(`m-${Object.keys(FORMS).indexOf(form)}`);
  const before = await counts(platform);
  const receipts = await FORMS[form]!(events);
  for (const receipt of receipts)
    await eventually(
      async () => {
        const path = `${platform.base}/events/receipts/${receipt}?wait=10`;
        const { complete } = json<{ complete: boolean }>(await http(path, { token: platform.payerToken }));
        return complete ? true : undefined;
      },
      { what: 'the receipt is complete' },
    );
  await viewsCaughtUp(platform);
  const { markedParses } = between(before, await counts(platform));
  const sent = events.length + (REPEATED[form] ?? 0);
  expect(markedParses).toBeGreaterThanOrEqual(sent);
  expect(markedParses / sent).toBeLessThanOrEqual(BUDGETS.parsesOfAnEvent.most);
});
