import { randomBytes } from 'node:crypto';
import { Controller, Inject } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { base32, Refusal } from '@provider-access/kernel';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import { expectEvents } from '../receipts/expected.ts';
import { EventAppender, type EventRow } from './append-events.ts';
import { attributesOf, type Incoming, MAX_EVENT_BYTES } from '../../reading/incoming.ts';
import { EventReceiver } from '../../reading/event-receiver.ts';
import type { Form } from '../../reading/receive-line.ts';
import { EventStream } from './stream-events.ts';

/** Largest JSON batch that is buffered, bytes. NDJSON has no limit. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024;
/**
 * Up to this many times the limit, a body that is too large is read and dropped, so that the sender gets the answer.
 */
const LINGER = 16;
const NDJSON = new Set(['application/x-ndjson', 'application/ndjson']);
const FORMS =
  'application/cloudevents+json, application/cloudevents-batch+json, application/x-ndjson, or application/json ' +
  'with ce- headers';

const STRUCTURED = 'application/cloudevents+json';
const BATCH = 'application/cloudevents-batch+json';
const OPT_OUT = {
  specversion: '1.0',
  id: 'opt-out-17',
  source: 'urn:payer:enrolment',
  type: 'payer.member-opted-out.v2',
  time: '2027-01-04T12:00:00Z',
  subject: 'm-000017',
  data: { scope: 'global', channel: 'portal' },
};
/** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md */
const PUBLISH = operation({
  route: 'POST /events',
  callers: ['payer'],
  tag: 'Events of the payer',
  summary: 'Publish events',
  description:
    'CloudEvents 1.0 over HTTP: one event (structured, or binary with `ce-` headers), a batch of at most 16 MiB, ' +
    'or a stream of NDJSON without a limit. `accepted` means durable. An opt-out is answered with its effect ' +
    '(/docs/opt-outs.html). Repeating an event under the same `source` and `id` changes nothing.',
  body: {
    required: true,
    content: {
      [STRUCTURED]: { schema: ref('PayerEvent'), example: OPT_OUT },
      [BATCH]: { schema: { type: 'array', items: ref('PayerEvent') }, example: [OPT_OUT] },
      'application/x-ndjson': { schema: { type: 'string', description: 'One structured event a line.' } },
      [JSON_TYPE]: { schema: { type: 'object', description: 'The data of one event, with `ce-` headers.' } },
    },
  },
  answer: {
    description: 'A row for each event of a batch, or an NDJSON stream of rows.',
    type: JSON_TYPE,
    schema: { type: 'array', items: ref('EventRow') },
  },
  also: { 202: 'The row of a single event.' },
  refusals: ['invalid-request', 'unsupported-media-type', 'too-large', 'too-slow'],
});

@Controller()
export class EventsController {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(EventAppender) private readonly appender: EventAppender,
    @Inject(EventReceiver) private readonly receiver: EventReceiver,
  ) {}

  @Operation(PUBLISH)
  async publish({ request }: Asked<typeof PUBLISH>): Promise<Answer> {
    const media = (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
    const receipt = `r-${base32(randomBytes(16))}`;
    if (NDJSON.has(media)) return this.stream(request, receipt);
    const { rows, single } = await this.buffered(request, media, receipt);
    const kept = rows.filter((row) => row.status !== 'refused' && row.status !== 'unavailable').length;
    if (kept > 0) await expectEvents(this.ports, receipt, kept);
    const [first] = rows;
    const status = !single ? 200 : first?.status !== 'refused' ? 202 : first.reason === 'too-large' ? 413 : 400;
    return { status, json: single ? first : rows };
  }

  /** Resolves when the first rows are there. The request is read to its end while they are sent. */
  private stream(request: FastifyRequest, receipt: string): Promise<Answer> {
    const stream = new EventStream(this.appender, this.receiver, receipt);
    return new Promise((resolve, reject) => {
      const begin = (): void => resolve({ headers: { 'content-type': 'application/x-ndjson' }, body: stream.answer });
      stream
        .run(request.raw, begin, (kept) => expectEvents(this.ports, receipt, kept))
        .then(({ complete, accepted }) => {
          if (!complete)
            this.ports.logger.warn({ accepted }, 'a stream of events ended before all its events were stored');
        })
        .catch(reject);
    });
  }

  private async buffered(
    request: FastifyRequest,
    media: string,
    receipt: string,
  ): Promise<{ rows: readonly EventRow[]; single: boolean }> {
    const binary = request.headers['ce-specversion'] !== undefined;
    const batch = media === BATCH;
    if (!batch && media !== STRUCTURED && !(binary && /^application\/(.+\+)?json$/.test(media)))
      throw new Refusal('unsupported-media-type', `Send events as ${FORMS}.`);
    const body = await read(request, batch ? MAX_BATCH_BYTES : MAX_EVENT_BYTES + 64 * 1024, batch);
    const events = batch
      ? await this.batch(body, receipt)
      : [await this.receiver.receiveOne(body, receipt, media === STRUCTURED ? BODY : binaryForm(request))];
    return { rows: await Promise.all(await this.appender.append(events, receipt)), single: !batch };
  }

  private async batch(body: Buffer, receipt: string): Promise<readonly Incoming[]> {
    const events = await this.receiver.receiveBatch(body, receipt);
    if (events !== undefined) return events;
    try {
      JSON.parse(body.toString());
    } catch {
      throw new Refusal('invalid-request', 'The body is not valid JSON.');
    }
    throw new Refusal('invalid-request', 'A batch must be a JSON array of CloudEvents.');
  }
}

const BODY: Form = { kind: 'body' };
const binaryForm = ({ headers }: FastifyRequest): Form => ({ kind: 'binary', attributes: attributesOf(headers) });

async function read(request: FastifyRequest, limit: number, batch: boolean): Promise<Buffer> {
  const refusal = (): Refusal =>
    new Refusal(
      'too-large',
      batch
        ? `A JSON batch may have at most ${limit} bytes. Send more events as application/x-ndjson, one on each line.`
        : `An event may have at most ${MAX_EVENT_BYTES} bytes.`,
    );
  if (Number(request.headers['content-length'] ?? 0) > limit * LINGER) throw refusal();
  let chunks: Uint8Array[] = [];
  let length = 0;
  // Read a body that is too large to its end and drop it. If the server answered and closed earlier, many clients would
  // report a broken connection instead of the answer.
  for await (const chunk of request.raw as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > limit * LINGER) throw refusal();
    if (length > limit) chunks = [];
    else chunks.push(chunk);
  }
  if (length > limit) throw refusal();
  return Buffer.concat(chunks, length);
}
