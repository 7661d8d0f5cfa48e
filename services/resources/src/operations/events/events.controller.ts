import { randomBytes } from 'node:crypto';
import { Controller, Inject, Post, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { base32, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { StaticTokenGuard } from '@provider-access/smart';
import { expectEvents } from '../receipts/expected.ts';
import { EventAppender, type EventRow } from './append-events.ts';
import { fromBinary, fromObject, fromText, type Incoming, MAX_EVENT_BYTES } from './incoming.ts';
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

/**
 * POST /events: a payer's CloudEvents in binary, structured and batch mode of the HTTP binding, or as a stream of
 * NDJSON.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
 */
@Controller('events')
@UseGuards(StaticTokenGuard('payer'))
export class EventsController {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(EventAppender) private readonly appender: EventAppender,
  ) {}

  @Post()
  async publish(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const media = (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
    const receipt = `r-${base32(randomBytes(16))}`;
    if (NDJSON.has(media)) return this.stream(request, reply, receipt);
    const { rows, single } = await this.buffered(request, media, receipt);
    const kept = rows.filter((row) => row.status !== 'refused' && row.status !== 'unavailable').length;
    if (kept > 0) await expectEvents(this.ports, receipt, kept);
    const [first] = rows;
    const status = !single ? 200 : first?.status !== 'refused' ? 202 : first.reason === 'too-large' ? 413 : 400;
    void reply
      .code(status)
      .header('content-type', 'application/json; charset=utf-8')
      .send(JSON.stringify(single ? first : rows));
  }

  private async stream(request: FastifyRequest, reply: FastifyReply, receipt: string): Promise<void> {
    const stream = new EventStream(this.appender, receipt);
    const summary = await stream.run(
      request.raw,
      () => void reply.code(200).header('content-type', 'application/x-ndjson').send(stream.answer),
      (kept) => expectEvents(this.ports, receipt, kept),
    );
    if (!summary.complete)
      this.ports.logger.warn(
        { accepted: summary.accepted },
        'a stream of events ended before all its events were stored',
      );
  }

  private async buffered(
    request: FastifyRequest,
    media: string,
    receipt: string,
  ): Promise<{ rows: readonly EventRow[]; single: boolean }> {
    const binary = request.headers['ce-specversion'] !== undefined;
    const batch = media === 'application/cloudevents-batch+json';
    if (!batch && media !== 'application/cloudevents+json' && !(binary && /^application\/(.+\+)?json$/.test(media)))
      throw new Refusal('unsupported-media-type', `Send events as ${FORMS}.`);
    const text = await read(request, batch ? MAX_BATCH_BYTES : MAX_EVENT_BYTES + 64 * 1024, batch);
    const events: Incoming[] = batch
      ? fromBatch(text, receipt)
      : [
          media === 'application/cloudevents+json'
            ? fromText(0, text, receipt)
            : fromBinary(request.headers, text, receipt),
        ];
    return { rows: await Promise.all(await this.appender.append(events, receipt)), single: !batch };
  }
}

function fromBatch(text: string, receipt: string): Incoming[] {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Refusal('invalid-request', 'The body is not valid JSON.');
  }
  if (!Array.isArray(body)) throw new Refusal('invalid-request', 'A batch must be a JSON array of CloudEvents.');
  return body.map((event, index) => fromObject(index, event, receipt));
}

async function read(request: FastifyRequest, limit: number, batch: boolean): Promise<string> {
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
  return Buffer.concat(chunks, length).toString('utf8');
}
