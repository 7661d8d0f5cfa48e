import { Controller, Inject } from '@nestjs/common';
import { JSON_TYPE } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation } from '@provider-access/service/operation';
import { type AuthConfig, CONFIG } from '../../config.ts';
import { languageOf } from './language.ts';
import { NO_REFERRER, publicHeaders, wantsJson } from './page.ts';
import { PlatformStatus, STATUS_KEPT_SECONDS } from './platform-status.ts';
import { statusHtml } from './status-html.ts';
import { DATA_STATES, PART_STATES, PARTS } from './status-of.ts';

const TIME = { type: 'string', format: 'date-time' };
const STATE = { type: 'string', enum: [...PART_STATES] };

const STATUS = operation({
  route: 'GET /status',
  callers: 'anybody',
  tag: 'Apps and tokens',
  summary: 'Tell whether the platform answers, and whether its data is up to date',
  description:
    'A page for the developers of providers, in English or Spanish, and JSON for monitors. It holds no data of ' +
    'members, no numbers, and no names of feeds. It is at most ten seconds old. The status is 200 also if a part is ' +
    'not available.',
  query: {
    parameters: [
      { name: 'lang', description: '`en` or `es`. Without it, or with another value, `Accept-Language` decides.' },
      { name: 'format', description: '`json` or `html`. Without it, or with another value, `Accept` decides.' },
    ],
  },
  answer: {
    description: 'A page, or this if the client asks for JSON.',
    type: JSON_TYPE,
    schema: {
      type: 'object',
      required: ['at', 'status', 'parts', 'data'],
      properties: {
        at: { ...TIME, description: 'When the platform was looked at.' },
        notice: { type: 'string', description: 'What the operator says, for example when maintenance is. Plain text.' },
        status: { ...STATE, description: 'The worst of all parts.' },
        parts: {
          type: 'object',
          required: [...PARTS],
          properties: Object.fromEntries(PARTS.map((part) => [part, STATE])),
        },
        data: {
          type: 'object',
          required: ['status'],
          properties: {
            status: {
              type: 'string',
              enum: [...DATA_STATES],
              description:
                '`late`: a claim is not visible one business day after it was sent. `quiet`: nothing came for a ' +
                'business day. `none`: nothing ever came.',
            },
            since: { ...TIME, description: 'The hour since when it is `late` or `quiet`.' },
          },
        },
        tested: {
          type: 'object',
          description: 'The last test of the whole path of a provider. Absent if none ever ran.',
          required: ['at', 'passed'],
          properties: {
            at: TIME,
            passed: { type: 'boolean' },
            lastPassed: { ...TIME, description: 'The last test that passed.' },
          },
        },
      },
    },
  },
});

/** `/status`: whether it is worth to wait or to call, for the developers of providers (ADR 0156). */
@Controller()
export class StatusController {
  constructor(
    @Inject(CONFIG) private readonly config: AuthConfig,
    @Inject(PlatformStatus) private readonly status: PlatformStatus,
  ) {}

  @Operation(STATUS)
  async tell({ request, given }: Asked<typeof STATUS>): Promise<Answer> {
    const { statusNotice: notice } = this.config;
    const status = { ...(await this.status.current()), ...(notice !== undefined && { notice }) };
    const headers = { ...publicHeaders('accept, accept-language', STATUS_KEPT_SECONDS), ...NO_REFERRER };
    const format = given.get('format');
    if (format === 'json' || (format !== 'html' && wantsJson(request.headers.accept)))
      return { headers, body: JSON.stringify(status) };
    const language = languageOf(given.get('lang'), request.headers['accept-language']);
    return {
      headers: { ...headers, 'content-type': 'text/html; charset=utf-8', 'content-language': language },
      body: statusHtml(status, language, this.config),
    };
  }
}
