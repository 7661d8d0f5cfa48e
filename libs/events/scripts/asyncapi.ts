import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import {
  DEAD_LETTER_TOPICS,
  EXPORT_EVENTS,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_PROVIDERS,
  PA_RECORDS,
  PAYER_EVENTS,
  PAYER_TOPICS,
  PLATFORM_EVENTS,
  SERVICE_LEVEL_EVENTS,
  TOPICS,
} from '../src/index.ts';

/**
 * The AsyncAPI 3 document of every topic and event. Run: node --conditions=@provider-access/source scripts/asyncapi.ts
 */
export const ASYNCAPI_FILE = fileURLToPath(new URL('../../../docs/asyncapi.json', import.meta.url));

interface Described {
  readonly topic: string;
  readonly schema: z.ZodType;
  readonly title?: string;
}

/** Types that appear in more topics than their definition can name. */
function topicsOf(type: string, topic: string): readonly string[] {
  if (topic === '*') return [PA_RECORDS, PA_PROVIDERS, PA_ATTRIBUTION, PA_CONSENT];
  if (topic.includes('*')) return DEAD_LETTER_TOPICS;
  return type.startsWith('pa.access-') ? [PA_CONSENT, PA_ATTRIBUTION, PA_PROVIDERS] : [topic];
}

export function asyncapi(): Record<string, unknown> {
  const events: Record<string, Described> = {
    ...PAYER_EVENTS,
    ...PLATFORM_EVENTS,
    ...EXPORT_EVENTS,
    ...SERVICE_LEVEL_EVENTS,
  };
  const names = Object.keys(events).sort();
  const inTopic = (topic: string): string[] =>
    names.filter((type) => topicsOf(type, events[type]!.topic).includes(topic));
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Provider Access events',
      version: '1',
      description:
        'CloudEvents 1.0 in Kafka binary mode. Payers write payer.* topics (or POST /events); the platform writes ' +
        'the rest. Generated from libs/events.',
    },
    defaultContentType: 'application/json',
    channels: Object.fromEntries(
      TOPICS.map(({ name, key, writers, cleanup }) => [
        name,
        {
          address: name,
          description: `Key: ${key}. Written by: ${writers.join(', ')}. Cleanup: ${cleanup}.`,
          messages: Object.fromEntries(inTopic(name).map((type) => [type, { $ref: `#/components/messages/${type}` }])),
        },
      ]),
    ),
    // As the platform sees it: it receives what payers write and sends the rest.
    operations: Object.fromEntries(
      TOPICS.map(({ name }) => [
        name,
        {
          action: (PAYER_TOPICS as readonly string[]).includes(name) ? 'receive' : 'send',
          channel: { $ref: `#/channels/${name}` },
        },
      ]),
    ),
    components: {
      messages: Object.fromEntries(
        names.map((type) => [
          type,
          {
            name: type,
            ...(events[type]!.title !== undefined && { title: events[type]!.title }),
            headers: { $ref: '#/components/schemas/CloudEventHeaders' },
            payload: z.toJSONSchema(events[type]!.schema, { target: 'draft-7', io: 'input' }),
          },
        ]),
      ),
      schemas: {
        CloudEventHeaders: {
          type: 'object',
          required: ['ce_id', 'ce_source', 'ce_type', 'ce_time'],
          properties: {
            ce_specversion: { const: '1.0' },
            ce_id: { type: 'string' },
            ce_source: { type: 'string' },
            ce_type: { type: 'string' },
            ce_time: { type: 'string', format: 'date-time' },
            ce_subject: { type: 'string' },
            'content-type': { const: 'application/json' },
            traceparent: { type: 'string' },
          },
        },
      },
    },
  };
}

export const asyncapiText = (): string => `${JSON.stringify(asyncapi(), undefined, 2)}\n`;

if (import.meta.main) writeFileSync(ASYNCAPI_FILE, asyncapiText());
