import { Controller, Inject } from '@nestjs/common';
import { type EventParked, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { isId } from '@provider-access/fhir';
import { Refusal } from '@provider-access/kernel';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, type Audited, operation, Operation, ref } from '@provider-access/service/operation';
import type { ViewReader } from '@provider-access/engines/views';
import { z } from 'zod';
import { CorrectionCheck } from '../../intake/correction-check.ts';
import { findCauses } from '../../projections/dead-letter-causes.ts';
import {
  CAUSE,
  type DeadLetterPart,
  deadLetters,
  findDeadLetters,
  getDeadLetter,
} from '../../projections/dead-letters.ts';
import { encodedData } from '../../reading/incoming.ts';
import { originalOf } from './original.ts';
import { replayedEvent } from './replayed-event.ts';
import { discard, replay } from './resolve.ts';

const STATUS = z.enum(['open', 'replayed', 'discarded'], 'status must be open, replayed or discarded.').optional();
const NO_REASON = 'reason is required: say in at most 500 characters why you discard the event.';
const REASON = z.string(NO_REASON).regex(/\S/, NO_REASON).max(500, NO_REASON);
const PAGE = 100;
const NO_CURSOR = 'cursor must be the cursor of the previous page. Start again without cursor.';

const PAGE_OF_CAUSES = 25;
const NO_CAUSE = 'cause must be a cause of GET /events/dead-letters/causes.';

const COMMON = { callers: ['payer', 'engineer'], tag: 'Events of the payer' } as const;
const OF_ONE = { ...COMMON, parameters: { id: 'The id of the dead letter, `dl-…`.' } } as const;
const LIST = operation({
  ...COMMON,
  route: 'GET /events/dead-letters',
  audit: 'explain',
  summary: 'List events that could not be taken',
  fields: {
    status: { schema: STATUS, description: 'Only dead letters in this state.' },
    cause: {
      schema: z.string(NO_CAUSE).regex(CAUSE, NO_CAUSE).optional(),
      description: 'Only dead letters of this cause, and open ones unless `status` says otherwise.',
    },
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
const CAUSES = operation({
  ...COMMON,
  route: 'GET /events/dead-letters/causes',
  summary: 'List the causes of dead letters',
  description:
    'Dead letters with one cause have the same reason, detail and type of event. The answer names no member. The ' +
    'count of a cause stops at 1000, so that a million dead letters cost no more than a thousand.',
  fields: {
    status: { schema: STATUS, description: 'The state of the dead letters. Default: `open`.' },
    after: {
      schema: z.string(NO_CAUSE).regex(CAUSE, NO_CAUSE).optional(),
      description: '`next` of the page before.',
    },
  },
  answer: {
    description: 'In the order of their names, 25 a page.',
    type: JSON_TYPE,
    schema: {
      type: 'object',
      required: ['causes'],
      properties: { causes: { type: 'array', items: ref('DeadLetterCause') }, next: { type: 'string' } },
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
const CHECK = operation({
  ...OF_ONE,
  route: 'POST /events/dead-letters/{id}/check',
  summary: 'Say what is wrong with a correction, without sending it',
  description:
    'The body is that of a replay. The platform reads the event with the code of intake. What depends on other ' +
    'events, such as an id that was used before, is found when the event is sent.',
  body: { content: { [JSON_TYPE]: { schema: { type: 'object', description: 'The corrected event.' } } } },
  answer: {
    description: 'Whether intake would take the event, and what is wrong otherwise.',
    type: JSON_TYPE,
    schema: {
      type: 'object',
      required: ['ok'],
      properties: { ok: { type: 'boolean' }, reason: { type: 'string' }, detail: { type: 'string' } },
    },
  },
  refusals: ['invalid-request', 'not-found', 'too-large'],
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
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CorrectionCheck) private readonly correction: CorrectionCheck,
  ) {
    this.reader = ports.views.reader(deadLetters);
  }

  @Operation(LIST)
  async list({ query: { status: asked, cause, cursor } }: Asked<typeof LIST>): Promise<Audited> {
    const after = cursor === undefined ? undefined : readCursor(cursor);
    const status = asked ?? (cause === undefined ? undefined : 'open');
    const found = await findDeadLetters(this.reader, { status, cause, after, limit: PAGE + 1 });
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

  @Operation(CAUSES)
  async causes({ query: { status = 'open', after } }: Asked<typeof CAUSES>): Promise<Answer> {
    const found = await findCauses(this.reader, status, after, PAGE_OF_CAUSES + 1);
    const causes = found.slice(0, PAGE_OF_CAUSES);
    return { json: { causes, next: found.length > PAGE_OF_CAUSES ? causes.at(-1)?.cause : undefined } };
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

  /** It names no member, and has no value of the event. */
  @Operation(CHECK)
  async check({ params: { id }, body }: Asked<typeof CHECK>): Promise<Answer> {
    const original = await this.original(await this.letter(id));
    const { topic, record } = replayedEvent(original, body, {});
    const fault = await this.correction.faultOf(topic, record);
    return { json: fault === undefined ? { ok: true } : { ok: false, reason: fault.reason, detail: fault.detail } };
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

  private async original(letter: DeadLetterPart): Promise<EventParked> {
    const original = await originalOf(this.ports.log, letter);
    if (original === undefined)
      throw new Refusal(
        'not-found',
        'The log no longer has the original event. Publish the event again, and discard this dead letter.',
      );
    return original;
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
  const { status, reason, detail, cause, origin, parkedBy, parkedAt, attempt, event } = letter;
  const { type: eventType, id: of, source, subject } = event;
  const { topic } = origin;
  const parked = { parkedBy, parkedAt, attempt };
  return { id, status, reason, detail, cause, topic, ...parked, eventType, event: of, source, subject };
}

/** The value as JSON, or as base64 if it is not JSON or nested too deeply to be encoded again. */
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
