import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Inject } from '@nestjs/common';
import { addCounts } from '@provider-access/events';
import { Refusal } from '@provider-access/kernel';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import type { ViewReader } from '@provider-access/engines/views';
import { z } from 'zod';
import { COUNTED, type CountedName, type HandledPart, handledOf, receipts } from '../../projections/receipts.ts';
import { expectedEvents } from './expected.ts';

const MAX_WAIT_S = 60;
const NO_SECONDS = 'wait must be a whole number of seconds.';
const WAIT = z
  .string(NO_SECONDS)
  .regex(/^\d{1,4}$/, NO_SECONDS)
  .optional();
const POLL_MS = 50;

/** The sums of all batches. Each of `COUNTED` has at most 101 names. */
interface ReceiptAnswer extends Required<Pick<HandledPart, 'receipt' | 'counts' | 'items' | CountedName>> {
  /** Events of the request that are in the log; null while the request runs. */
  readonly expected: number | null;
  readonly handled: number;
}

/** The outcomes of the events of a request. */
const RECEIPT = operation({
  route: 'GET /events/receipts/{id}',
  callers: ['payer', 'administrator'],
  tag: 'Events of the payer',
  summary: 'Ask what became of the events of a request',
  description: '/docs/publishing.html explains each outcome.',
  parameters: { id: 'The `receipt` of the answer to `POST /events`.' },
  fields: { wait: { schema: WAIT, description: 'Seconds to wait for the last event, at most 60.' } },
  answer: {
    description: 'Counts, and a row for each event that is not `recorded`.',
    type: JSON_TYPE,
    schema: ref('Receipt'),
  },
  refusals: ['not-found'],
});

@Controller()
export class ReceiptsController {
  private readonly reader: ViewReader;
  constructor(@Inject(PORTS) private readonly ports: ServicePorts) {
    this.reader = ports.views.reader(receipts);
  }

  @Operation(RECEIPT)
  async get({ params: { id }, query: { wait = '0' } }: Asked<typeof RECEIPT>): Promise<Answer> {
    if (!/^r-[a-z2-7]{26}$/.test(id)) throw new Refusal('not-found', 'There is no such receipt.');
    const deadline = performance.now() + Math.min(Number(wait), MAX_WAIT_S) * 1000;
    for (;;) {
      const answer = await this.answer(id);
      const done = answer.expected !== null && answer.handled >= answer.expected;
      if (done || performance.now() >= deadline) return { json: answer };
      await delay(POLL_MS);
    }
  }

  private async answer(receipt: string): Promise<ReceiptAnswer> {
    const expected = await expectedEvents(this.ports, receipt);
    const counts: Record<string, number> = {};
    const items: HandledPart['items'][number][] = [];
    const found: Record<CountedName, Record<string, number>> = {
      removed: {},
      unresolved: {},
      lacks: {},
      unknownLabels: {},
    };
    let handled = 0;
    for (const part of await handledOf(this.reader, receipt)) {
      for (const [outcome, n] of Object.entries(part.counts)) {
        counts[outcome] = (counts[outcome] ?? 0) + n;
        handled += n;
      }
      for (const name of COUNTED) addCounts(found[name], part[name] ?? {});
      for (const item of part.items) items.push(item);
    }
    if (expected === undefined && handled === 0) throw new Refusal('not-found', 'There is no such receipt.');
    return { receipt, expected: expected ?? null, handled, counts, ...found, items };
  }
}
