import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Inject } from '@nestjs/common';
import { addCounts, type Counts } from '@provider-access/events';
import { Refusal } from '@provider-access/kernel';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import type { ViewReader } from '@provider-access/engines/views';
import { z } from 'zod';
import { type HandledPart, handledOf, receipts } from '../../projections/receipts.ts';
import { expectedEvents } from './expected.ts';

const MAX_WAIT_S = 60;
const NO_SECONDS = 'wait must be a whole number of seconds.';
const WAIT = z
  .string(NO_SECONDS)
  .regex(/^\d{1,4}$/, NO_SECONDS)
  .optional();
const POLL_MS = 50;

export interface ReceiptAnswer {
  readonly receipt: string;
  /** Events of the request that are in the log; null while the request runs. */
  readonly expected: number | null;
  readonly handled: number;
  readonly counts: Counts;
  /** Elements that redaction removed or masked in recorded resources, by path without indexes; at most 101 paths. */
  readonly removed: Counts;
  /**
   * Conditional references in recorded resources, and attachments whose URL leads nowhere, by path and type; at most
   * 101 paths.
   */
  readonly unresolved: Counts;
  /** What recorded resources lack of profiles that they declare, by profile, element and rule; at most 101 names. */
  readonly lacks: Counts;
  /** Security labels of recorded resources that the policy does not know; at most 101. */
  readonly unknownLabels: Counts;
  /** A row for each event with another outcome than `recorded`, or with a reason. */
  readonly items: HandledPart['items'];
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
  refusals: ['invalid-value', 'not-found'],
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
    const removed: Record<string, number> = {};
    const unresolved: Record<string, number> = {};
    const lacks: Record<string, number> = {};
    const unknownLabels: Record<string, number> = {};
    let handled = 0;
    for (const part of await handledOf(this.reader, receipt)) {
      for (const [outcome, n] of Object.entries(part.counts)) {
        counts[outcome] = (counts[outcome] ?? 0) + n;
        handled += n;
      }
      if (part.removed !== undefined) addCounts(removed, part.removed);
      if (part.unresolved !== undefined) addCounts(unresolved, part.unresolved);
      if (part.lacks !== undefined) addCounts(lacks, part.lacks);
      if (part.unknownLabels !== undefined) addCounts(unknownLabels, part.unknownLabels);
      for (const item of part.items) items.push(item);
    }
    if (expected === undefined && handled === 0) throw new Refusal('not-found', 'There is no such receipt.');
    return { receipt, expected: expected ?? null, handled, counts, removed, unresolved, lacks, unknownLabels, items };
  }
}
