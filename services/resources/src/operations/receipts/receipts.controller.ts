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
/** How long a waiting request pauses between two looks at the view, which grows with its wait, ms. */
const POLL_MS = 50;
const POLL_GROWTH = 2;
const POLL_MAX_MS = 1_000;
/** Where a look is a query, one waits until this many events a ms could be handled, which no platform exceeds. */
const EVENTS_A_MS = 2;

/** The sums of all batches. Each of `COUNTED` has at most 101 names. */
interface ReceiptAnswer extends Required<Pick<HandledPart, 'receipt' | 'counts' | 'items' | CountedName>> {
  /** Events of the request that are in the log; null while the request runs. */
  readonly expected: number | null;
  readonly handled: number;
}

/** The outcomes of the events of a request. */
const RECEIPT = operation({
  route: 'GET /events/receipts/{id}',
  callers: ['payer', 'engineer'],
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
    let seen: { readonly at: string; readonly answer: ReceiptAnswer } | undefined;
    for (let pause = POLL_MS; ; pause = Math.min(pause * POLL_GROWTH, POLL_MAX_MS)) {
      // Read before the outcomes, so that a later outcome moves the view from here.
      const at = await this.position();
      const known = seen?.answer.expected ?? undefined;
      // While the view stands, its outcomes are the same. The number of events comes from somewhere else.
      if (seen === undefined || seen.at !== at || known === undefined)
        seen = { at, answer: await this.answer(id, known ?? (await expectedEvents(this.ports, id))) };
      const { expected, handled } = seen.answer;
      if ((expected !== null && handled >= expected) || performance.now() >= deadline) return { json: seen.answer };
      const isQuery = this.reader.generation() === undefined;
      const rest = isQuery ? ((expected ?? handled) - handled) / EVENTS_A_MS : 0;
      await delay(Math.min(Math.max(pause, Math.min(rest, POLL_MAX_MS)), deadline - performance.now()));
    }
  }

  /** Equal texts mean that the view has not moved. */
  private async position(): Promise<string> {
    return JSON.stringify((await this.reader.position()).topics);
  }

  private async answer(receipt: string, expected: number | undefined): Promise<ReceiptAnswer> {
    const counts: Record<string, number> = {};
    const items: HandledPart['items'][number][] = [];
    const found: Record<CountedName, Record<string, number>> = {
      removed: {},
      unresolved: {},
      lacks: {},
      unknownLabels: {},
      withheldTags: {},
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
