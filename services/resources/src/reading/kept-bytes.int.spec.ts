import { serialize, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { toStructured } from '@provider-access/events';
import type { NewRecord } from '@provider-access/engines/log';
import type { RawLine } from '@provider-access/fhir';
import { syntheticPayer } from '@provider-access/synthetic';
import { BUDGETS } from '@provider-access/testing/budgets';
import { expect, it } from 'vitest';
import { EventReceiver } from './event-receiver.ts';
import { Packer, type PackedReadings, unpacked } from './packed.ts';
import type { Reading } from './read-event.ts';
import { type ReceivedLine, receiveLine } from './receive-line.ts';

const JUDGING = { now: Date.UTC(2027, 0, 1), floor: '2016-01-01', publicUrl: 'https://pa.example.org' };
const BLOCK = 250;

/** Bytes of the message beside the lines. The lines move with it. */
const bytesOf = (message: PackedReadings): number => serialize({ ...message, lines: new Uint8Array(0) }).byteLength;

async function heapUsed(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    (runInNewContext('gc') as () => void)();
    await nextTurn();
  }
  return process.memoryUsage().heapUsed;
}

it('keeps few objects of an event that waits for its decision', async () => {
  setFlagsFromString('--expose-gc');
  const lines = [...syntheticPayer({ seed: 'kept', members: 3, asOf: '2026-10-01' }).events()].map(
    (event, number): RawLine => ({ kind: 'line', number, content: Buffer.from(JSON.stringify(toStructured(event))) }),
  );
  let messages = 0;
  const records: NewRecord[] = [];
  const readings: Reading[] = [];
  const receiver = new EventReceiver(
    {
      receive: async (contents, receipt, judging, form) => {
        const packer = new Packer<ReceivedLine>();
        for (const content of contents) packer.add(receiveLine(content, receipt, judging, form));
        const message = packer.packed();
        messages += bytesOf(message);
        return unpacked(structuredClone(message));
      },
      keep: (_headers, reading) => void readings.push(reading),
    },
    () => JUDGING,
  );
  const receive = async (): Promise<void> => {
    for (let at = 0; at < lines.length; at += BLOCK)
      for (const event of await receiver.receive(lines.slice(at, at + BLOCK), at, '01k0receipt0000000000000000'))
        if (event.ok) records.push(event.record);
  };
  await receive();
  for (const list of [records, readings]) list.length = 0;
  messages = 0;
  const before = await heapUsed();
  await receive();
  const kept = (await heapUsed()) - before;
  expect(readings.length).toBeGreaterThan(lines.length * 0.9);
  expect(messages / lines.length).toBeLessThan(BUDGETS.messageBytesOfAnEvent.most);
  expect(kept / lines.length).toBeLessThan(BUDGETS.waitingBytesOfAnEvent.most);
});
