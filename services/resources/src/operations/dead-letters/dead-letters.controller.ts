import { Body, Controller, Get, Header, HttpCode, Inject, Param, Post, Query, Req, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { EventParked } from '@provider-access/events';
import { dataOf } from '@provider-access/events';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts, zodPipe } from '@provider-access/service/http';
import { StaticTokenGuard } from '@provider-access/smart';
import type { ViewReader } from '@provider-access/engines/views';
import { z } from 'zod';
import {
  type DeadLetterPart,
  deadLetters,
  type DeadLetterStatus,
  findDeadLetters,
  getDeadLetter,
} from '../../projections/dead-letters.ts';
import { encodedData } from '../events/incoming.ts';
import { discard, replay } from './resolve.ts';

const STATUS = z.enum(['open', 'replayed', 'discarded'], 'status must be open, replayed or discarded.').optional();
const NO_REASON = 'reason is required: say in at most 500 characters why you discard the event.';
const REASON = z.string(NO_REASON).regex(/\S/, NO_REASON).max(500, NO_REASON);
const PAGE = 100;
type RoleRequest = FastifyRequest & { role?: 'payer' | 'administrator' };
const JSON_TYPE = 'application/json; charset=utf-8';

/** GET and POST /events/dead-letters: lists dead letters with their reasons, and replays or discards them. */
@Controller('events/dead-letters')
@UseGuards(StaticTokenGuard('payer', 'administrator'))
export class DeadLettersController {
  private readonly reader: ViewReader;
  constructor(@Inject(PORTS) private readonly ports: ServicePorts) {
    this.reader = ports.views.reader(deadLetters);
  }

  @Get()
  @Header('content-type', JSON_TYPE)
  @Header('cache-control', 'no-store')
  async list(
    @Query('status', zodPipe('invalid-value', STATUS)) status?: DeadLetterStatus,
    @Query('cursor') cursor?: string,
  ): Promise<string> {
    const after = cursor === undefined ? undefined : readCursor(cursor);
    const found = await findDeadLetters(this.reader, status, after, PAGE + 1);
    const page = found.slice(0, PAGE).map(({ id, letter }) => summary(id, letter));
    const last = page.at(-1);
    return JSON.stringify({
      deadLetters: page,
      ...(found.length > PAGE &&
        last !== undefined && { next: Buffer.from(JSON.stringify([last.parkedAt, last.id])).toString('base64url') }),
    });
  }

  /** Contains the original event, the payer's own data, which may be PHI. */
  @Get(':id')
  @Header('content-type', JSON_TYPE)
  @Header('cache-control', 'no-store')
  async get(@Param('id') id: string): Promise<string> {
    const letter = await this.letter(id);
    const original = await this.original(letter);
    return JSON.stringify({
      ...summary(id, letter),
      ...(letter.resolution !== undefined && { resolution: letter.resolution }),
      origin: letter.origin,
      headers: original.headers,
      ...content(original.value),
    });
  }

  /** Publishes the event, or a corrected one, again. The original stays. */
  @Post(':id/replay')
  @HttpCode(202)
  @Header('content-type', JSON_TYPE)
  async replay(@Param('id') id: string, @Body() body: unknown, @Req() request: RoleRequest): Promise<string> {
    const letter = await this.letter(id);
    if (letter.status === 'replayed')
      throw new Refusal('conflict', 'This dead letter was replayed before. If its hold did not end, discard it.');
    if (letter.status !== 'open') throw discardedBefore();
    return JSON.stringify(
      await replay(this.ports, this.reader, {
        id,
        letter,
        original: await this.original(letter),
        body,
        by: request.role ?? 'payer',
      }),
    );
  }

  @Post(':id/discard')
  @HttpCode(200)
  @Header('content-type', JSON_TYPE)
  async discard(
    @Param('id') id: string,
    @Body('reason', zodPipe('required', REASON)) reason: string,
    @Req() request: RoleRequest,
  ): Promise<string> {
    const letter = await this.letter(id);
    // A replayed dead letter can be discarded too, because the member may still be denied after the replay.
    if (letter.status === 'discarded') throw discardedBefore();
    return JSON.stringify(await discard(this.ports, this.reader, { id, letter, reason, by: request.role ?? 'payer' }));
  }

  private async letter(id: string): Promise<DeadLetterPart> {
    const letter = /^dl-[a-z2-7]{26}$/.test(id) ? await getDeadLetter(this.reader, id) : undefined;
    if (letter === undefined) throw new Refusal('not-found', 'There is no such dead letter.');
    return letter;
  }

  private async original({ place }: DeadLetterPart): Promise<EventParked> {
    const [record] = await this.ports.log.read(place.topic, place.partition, place.offset, 1);
    if (record === undefined || record.offset !== place.offset)
      throw new Refusal(
        'not-found',
        'The log no longer has the original event. Publish the event again, and discard this dead letter.',
      );
    return dataOf<EventParked>(record);
  }
}

const discardedBefore = (): Refusal => new Refusal('conflict', 'This dead letter was discarded before.');

function summary(id: string, letter: DeadLetterPart): Record<string, unknown> & { id: string; parkedAt: string } {
  return {
    id,
    status: letter.status,
    reason: letter.reason,
    detail: letter.detail,
    topic: letter.origin.topic,
    parkedBy: letter.parkedBy,
    parkedAt: letter.parkedAt,
    attempt: letter.attempt,
    ...(letter.event.type !== undefined && { eventType: letter.event.type }),
    ...(letter.event.id !== undefined && { event: letter.event.id }),
    ...(letter.event.source !== undefined && { source: letter.event.source }),
    ...(letter.event.subject !== undefined && { subject: letter.event.subject }),
  };
}

/** The value as JSON, or as base64 if it is not JSON or nested so deeply that it cannot be encoded again. */
function content(base64: string): { data: unknown } | { base64: string } {
  try {
    const data: unknown = JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
    return encodedData(data) === undefined ? { base64 } : { data };
  } catch {
    return { base64 };
  }
}

function readCursor(cursor: string): { at: string; id: string } {
  try {
    const [at, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown[];
    if (typeof at === 'string' && typeof id === 'string') return { at, id };
  } catch {
    // Refused below.
  }
  throw new Refusal('invalid-value', 'cursor must be the cursor of the previous page. Start again without cursor.');
}
