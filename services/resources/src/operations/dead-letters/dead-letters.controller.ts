import { Controller, Inject } from '@nestjs/common';
import { dataOf, type EventParked, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { isId } from '@provider-access/fhir';
import { Refusal } from '@provider-access/kernel';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, type Audited, operation, Operation, ref } from '@provider-access/service/operation';
import type { ViewReader } from '@provider-access/engines/views';
import { z } from 'zod';
import { type DeadLetterPart, deadLetters, findDeadLetters, getDeadLetter } from '../../projections/dead-letters.ts';
import { encodedData } from '../../reading/incoming.ts';
import { discard, replay } from './resolve.ts';

const STATUS = z.enum(['open', 'replayed', 'discarded'], 'status must be open, replayed or discarded.').optional();
const NO_REASON = 'reason is required: say in at most 500 characters why you discard the event.';
const REASON = z.string(NO_REASON).regex(/\S/, NO_REASON).max(500, NO_REASON);
const PAGE = 100;
const NO_CURSOR = 'cursor must be the cursor of the previous page. Start again without cursor.';

const COMMON = { callers: ['payer', 'engineer'], tag: 'Events of the payer' } as const;
const OF_ONE = { ...COMMON, parameters: { id: 'The id of the dead letter, `dl-…`.' } } as const;
const LIST = operation({
  ...COMMON,
  route: 'GET /events/dead-letters',
  audit: 'explain',
  summary: 'List events that could not be taken',
  fields: {
    status: { schema: STATUS, description: 'Only dead letters in this state.' },
    cursor: { schema: z.string(NO_CURSOR).optional(), description: '`next` of the page before.' },
  },
  answer: {
    description: 'The oldest first, 100 a page.',
    type: JSON_TYPE,
    schema: {
      type: 'object',
      required: ['deadLetters'],
      properties: { deadLetters: { type: 'array', items: ref('DeadLetter') }, next: { type: 'string' } },
    },
  },
});
const GET = operation({
  ...OF_ONE,
  callers: ['payer', 'dead-letter-reader'],
  route: 'GET /events/dead-letters/{id}',
  audit: 'explain',
  summary: 'Show a dead letter with its event',
  description: 'The event is the data of the payer, and may contain protected data.',
  answer: { description: 'The dead letter.', type: JSON_TYPE, schema: ref('DeadLetter') },
  refusals: ['not-found'],
});
const REPLAY = operation({
  ...OF_ONE,
  route: 'POST /events/dead-letters/{id}/replay',
  summary: 'Publish the event of a dead letter again',
  description: 'Without a body the event as it was, with a body the corrected one. Type and subject must not change.',
  body: { content: { [JSON_TYPE]: { schema: { type: 'object', description: 'The corrected event.' } } } },
  answer: { status: 202, description: 'The event is published again.', type: JSON_TYPE, schema: { type: 'object' } },
  refusals: ['invalid-request', 'not-found', 'conflict'],
});
const DISCARD = operation({
  ...OF_ONE,
  route: 'POST /events/dead-letters/{id}/discard',
  summary: 'Give up a dead letter, and end its hold',
  body: { fields: { reason: { schema: REASON, refusal: 'required' } } },
  answer: { description: 'The dead letter is discarded.', type: JSON_TYPE, schema: { type: 'object' } },
  refusals: ['not-found', 'conflict'],
});

@Controller()
export class DeadLettersController {
  private readonly reader: ViewReader;
  constructor(@Inject(PORTS) private readonly ports: ServicePorts) {
    this.reader = ports.views.reader(deadLetters);
  }

  @Operation(LIST)
  async list({ query: { status, cursor } }: Asked<typeof LIST>): Promise<Audited> {
    const after = cursor === undefined ? undefined : readCursor(cursor);
    const found = await findDeadLetters(this.reader, status, after, PAGE + 1);
    const letters = found.slice(0, PAGE);
    const page = letters.map(({ id, letter }) => summary(id, letter));
    const last = page.at(-1);
    const isMore = found.length > PAGE && last !== undefined;
    const next = isMore ? Buffer.from(JSON.stringify([last.parkedAt, last.id])).toString('base64url') : undefined;
    return {
      audit: [{ hourly: { members: membersOf(letters.map(({ letter }) => letter)), resources: 0 } }],
      answer: { json: { deadLetters: page, next } },
    };
  }

  @Operation(GET)
  async get({ params: { id } }: Asked<typeof GET>): Promise<Audited> {
    const letter = await this.letter(id);
    const original = await this.original(letter);
    const json = {
      ...summary(id, letter),
      resolution: letter.resolution,
      origin: letter.origin,
      headers: original.headers,
      ...content(original.value),
    };
    return { audit: [{ released: { members: membersOf([letter]), resources: 0 } }], answer: { json } };
  }

  /** The original stays. */
  @Operation(REPLAY)
  async replay({ params: { id }, body, caller }: Asked<typeof REPLAY>): Promise<Answer> {
    const letter = await this.letter(id);
    if (letter.status === 'replayed')
      throw new Refusal('conflict', 'This dead letter was replayed before. If its hold did not end, discard it.');
    if (letter.status !== 'open') throw discardedBefore();
    const original = await this.original(letter);
    return { json: await replay(this.ports, this.reader, { id, letter, original, body, by: caller.name }) };
  }

  @Operation(DISCARD)
  async discard({ params: { id }, body: { reason }, caller }: Asked<typeof DISCARD>): Promise<Answer> {
    const letter = await this.letter(id);
    // A replayed dead letter can be discarded too, because the member may still be denied after the replay.
    if (letter.status === 'discarded') throw discardedBefore();
    return { json: await discard(this.ports, this.reader, { id, letter, reason, by: caller.name }) };
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

/** The members that the envelopes name. A subject that is no id stays out of the audit, because it may be anything. */
const membersOf = (letters: readonly DeadLetterPart[]): string[] => [
  ...new Set(
    letters.flatMap(({ origin, event: { subject } }) =>
      origin.topic === PAYER_MEMBER_EVENTS && subject !== undefined && isId(subject) ? [subject] : [],
    ),
  ),
];

/** As JSON, so what is undefined is left out. */
function summary(id: string, letter: DeadLetterPart) {
  const { status, reason, detail, origin, parkedBy, parkedAt, attempt, event } = letter;
  const { type: eventType, id: of, source, subject } = event;
  const { topic } = origin;
  return { id, status, reason, detail, topic, parkedBy, parkedAt, attempt, eventType, event: of, source, subject };
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
  throw new Refusal('invalid-value', NO_CURSOR);
}
