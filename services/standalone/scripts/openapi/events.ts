import { JSON_TYPE } from '@provider-access/service/http';
import { ref } from '@provider-access/service/operation';
import type { Operation } from './operation.ts';

const OPT_OUT = {
  specversion: '1.0',
  id: 'opt-out-17',
  source: 'urn:payer:enrolment',
  type: 'payer.member-opted-out.v1',
  time: '2027-01-04T12:00:00Z',
  subject: 'm-000017',
  data: { scope: 'global', channel: 'portal' },
};
const DEAD_LETTER = { id: 'The id of the dead letter, `dl-…`.' };

export const EVENTS: Readonly<Record<string, Operation>> = {
  'POST /events': {
    tag: 'Events of the payer',
    summary: 'Publish events',
    description:
      'CloudEvents 1.0 over HTTP: one event (structured, or binary with `ce-` headers), a batch of at most 16 MiB, ' +
      'or a stream of NDJSON without a limit. `accepted` means durable. An opt-out is answered with its effect ' +
      '(/docs/opt-outs.html). Repeating an event under the same `source` and `id` changes nothing.',
    body: {
      required: true,
      content: {
        'application/cloudevents+json': { schema: ref('PayerEvent'), example: OPT_OUT },
        'application/cloudevents-batch+json': {
          schema: { type: 'array', items: ref('PayerEvent') },
          example: [OPT_OUT],
        },
        'application/x-ndjson': { schema: { type: 'string', description: 'One structured event a line.' } },
        [JSON_TYPE]: { schema: { type: 'object', description: 'The data of one event, with `ce-` headers.' } },
      },
    },
    answer: {
      status: 200,
      description: 'A row for each event of a batch, or an NDJSON stream of rows.',
      type: JSON_TYPE,
      schema: { type: 'array', items: ref('EventRow') },
    },
    also: { 202: 'The row of a single event.' },
    refusals: ['invalid-request', 'unsupported-media-type', 'too-large', 'too-slow'],
  },
  'GET /events/receipts/{id}': {
    tag: 'Events of the payer',
    summary: 'Ask what became of the events of a request',
    description: '/docs/publishing.html explains each outcome.',
    parameters: {
      id: 'The `receipt` of the answer to `POST /events`.',
      wait: 'Seconds to wait for the last event, at most 60.',
    },
    answer: {
      description: 'Counts, and a row for each event that is not `recorded`.',
      type: JSON_TYPE,
      schema: ref('Receipt'),
    },
    refusals: ['invalid-value', 'not-found'],
  },
  'GET /events/dead-letters': {
    tag: 'Events of the payer',
    summary: 'List events that could not be taken',
    parameters: { status: 'Only dead letters in this state.', cursor: '`next` of the page before.' },
    answer: {
      description: 'The oldest first, 100 a page.',
      type: JSON_TYPE,
      schema: {
        type: 'object',
        required: ['deadLetters'],
        properties: { deadLetters: { type: 'array', items: ref('DeadLetter') }, next: { type: 'string' } },
      },
    },
    refusals: ['invalid-value'],
  },
  'GET /events/dead-letters/{id}': {
    tag: 'Events of the payer',
    summary: 'Show a dead letter with its event',
    description: 'The event is the data of the payer, and may contain protected data.',
    parameters: DEAD_LETTER,
    answer: { description: 'The dead letter.', type: JSON_TYPE, schema: ref('DeadLetter') },
    refusals: ['not-found'],
  },
  'POST /events/dead-letters/{id}/replay': {
    tag: 'Events of the payer',
    summary: 'Publish the event of a dead letter again',
    description: 'Without a body the event as it was, with a body the corrected one. Type and subject must not change.',
    parameters: DEAD_LETTER,
    body: { content: { [JSON_TYPE]: { schema: { type: 'object', description: 'The corrected event.' } } } },
    answer: { description: 'The event is published again.', type: JSON_TYPE, schema: { type: 'object' } },
    refusals: ['invalid-request', 'not-found', 'conflict'],
  },
  'POST /events/dead-letters/{id}/discard': {
    tag: 'Events of the payer',
    summary: 'Give up a dead letter, and end its hold',
    parameters: DEAD_LETTER,
    answer: { description: 'The dead letter is discarded.', type: JSON_TYPE, schema: { type: 'object' } },
    refusals: ['required', 'not-found', 'conflict'],
  },
};
