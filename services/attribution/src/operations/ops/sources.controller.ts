import { Controller, Inject } from '@nestjs/common';
import { type DomainEvent, FILE_KINDS, FILE_SOURCE } from '@provider-access/events';
import { Refusal } from '@provider-access/kernel';
import { JSON_TYPE } from '@provider-access/service/http';
import { type Asked, type Audited, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { z } from 'zod';
import { listOf } from '../../projections/file-rows.ts';
import { NetworkForecast } from './network-forecast.ts';
import { Forecast } from './forecast.ts';
import { jsonOf } from './json-body.ts';
import { cursorOf, encode, PAGE_TEXT, SourceRows } from './source-rows.ts';

/** Events of one forecast at most. */
const MOST_EVENTS = 2000;
/** Of a network all events are in one request, because rows share identifiers. */
const MOST_OF_NETWORK = 20_000;

const COMMON = {
  callers: ['payer', 'engineer'],
  audit: 'file-rows',
  tag: 'Events of the payer',
  parameters: { source: 'The name of the sender of the files.', kind: FILE_KINDS.join(' or ') },
} as const;
/** What the platform holds of a source, which `pa import --full` compares with the next file (ADR 0107). */
const ROWS = operation({
  ...COMMON,
  route: 'GET /ops/sources/{source}/{kind}',
  summary: 'List what the newest full file of a source says',
  description:
    'In the order of members, in pages. `next` of an answer is the path of the next page. `row` is null where the ' +
    'newest file did not have the row any more; `before` is what the import before said.',
  fields: { page: { schema: z.string(PAGE_TEXT).max(1000, PAGE_TEXT).optional(), description: 'From `next`.' } },
  answer: jsonObject('The imports of the source, the newest last, and a page of its rows.'),
  refusals: ['not-found', 'unavailable'],
});
const event = z.looseObject({
  id: z.string(),
  source: z.string(),
  type: z.string(),
  time: z.string(),
  subject: z.string(),
  data: z.unknown(),
});
const eventsOf = (most: number) => {
  const text = `events is a list of at most ${most} CloudEvents.`;
  return z.strictObject({ events: z.array(event, text).max(most, text) });
};
const EVENTS = eventsOf(MOST_EVENTS);
const NETWORK_EVENTS = eventsOf(MOST_OF_NETWORK);
/** For `pa simulate` (A72): it appends nothing. */
const FORECAST = operation({
  ...COMMON,
  route: 'POST /ops/sources/{source}/{kind}/forecast',
  summary: 'Tell what events would change, without publishing them',
  description:
    'Answers which members the lists of providers would gain and lose now, by the decision that reads use. All ' +
    'events about one member must be in one request. Of a network, all changes are in one request of at most ' +
    `${MOST_OF_NETWORK} events, and the answer has a row for each list, with numbers of members (\`lists\`).`,
  body: {
    required: true,
    content: { [JSON_TYPE]: { schema: EVENTS, fields: { events: 'As for `POST /events`.' } } },
  },
  answer: jsonObject('A row for each member and list that change.'),
  refusals: ['not-found', 'invalid-request', 'unavailable'],
});

@Controller()
export class SourcesController {
  constructor(
    @Inject(SourceRows) private readonly source: SourceRows,
    @Inject(Forecast) private readonly forecast: Forecast,
    @Inject(NetworkForecast) private readonly network: NetworkForecast,
  ) {}

  @Operation(ROWS)
  async rows({ params, query: { page } }: Asked<typeof ROWS>): Promise<Audited> {
    const list = named(params);
    const after = page === undefined ? undefined : cursorOf(page);
    if (after === undefined) await this.source.current();
    const { rows, next } = await this.source.page(list, after);
    return {
      // The subjects of a network are providers.
      audit: [
        {
          released: {
            members: params['kind'] === 'network' ? [] : [...new Set(rows.map(({ subject }) => subject))],
            resources: 0,
          },
        },
      ],
      answer: {
        json: {
          ...params,
          imports: await this.source.imports(list),
          rows,
          ...(next && { next: `/ops/sources/${list}?page=${encode(next)}` }),
        },
      },
    };
  }

  @Operation(FORECAST)
  async tell({ params, body }: Asked<typeof FORECAST>): Promise<Audited> {
    named(params);
    const isNetwork = params['kind'] === 'network';
    const read = (isNetwork ? NETWORK_EVENTS : EVENTS).safeParse(jsonOf(body));
    if (!read.success)
      throw new Refusal(
        'invalid-request',
        read.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`).join('; '),
      );
    const events = read.data.events as unknown as readonly DomainEvent[];
    if (isNetwork)
      return {
        audit: [{ released: { members: [], resources: 0 } }],
        answer: { json: { lists: await this.network.of(events) } },
      };
    const changes = await this.forecast.of(events);
    const members = [...new Set(changes.map(({ member }) => member))];
    return { audit: [{ released: { members, resources: 0 } }], answer: { json: { changes } } };
  }
}

/** `source/kind` of a path. @throws Refusal */
function named(params: Readonly<Record<string, string>>): string {
  const { source = '', kind = '' } = params;
  if (!FILE_SOURCE.test(source))
    throw new Refusal('not-found', 'A source has a name of lower-case letters, digits and -, at most 40.');
  if (!(FILE_KINDS as readonly string[]).includes(kind))
    throw new Refusal('not-found', `Full files are of the kinds ${FILE_KINDS.join(', ')}.`);
  return listOf({ source, kind });
}
