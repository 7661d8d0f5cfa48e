import { Controller, Inject } from '@nestjs/common';
import { probeReported } from '@provider-access/events';
import { Refusal } from '@provider-access/kernel';
import { dayOrNone, daysOfReport, JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { jsonOf } from './json-body.ts';
import { ServiceLevels } from './service-levels.ts';

/** A time that is further in the future (ms) is a mistake. */
const AHEAD_MS = 5 * 60_000;

const COMMON = { callers: ['auditor', 'operator', 'engineer', 'compliance'], tag: 'Operations' } as const;
/** Days are local days of the payer, both included. */
const PERIOD = {
  ...COMMON,
  fields: {
    from: {
      schema: dayOrNone('from'),
      description: 'The first local day of the payer. Default: the first of the month.',
    },
    to: {
      schema: dayOrNone('to'),
      description: 'The last day. Default: today. At most 400 days are reported at once.',
    },
  },
} as const;
const LEVELS = operation({
  ...PERIOD,
  route: 'GET /ops/slo',
  summary: 'Report the service levels',
  answer: jsonObject('Each service level with its target.'),
});
const FRESHNESS = operation({
  ...PERIOD,
  route: 'GET /ops/slo/freshness',
  summary: 'Report how fresh the events of each source and type are',
  description:
    'With what the operator expects of each feed (`expectedMs`), and the expected feeds that were never heard ' +
    '(`neverHeard`).',
  answer: jsonObject('Each feed that was ever heard, the longest silent first.'),
});
const PROBE = operation({
  ...COMMON,
  callers: ['administrator'],
  route: 'POST /ops/probe',
  summary: 'Report a run of the synthetic probe',
  body: {
    required: true,
    content: {
      [JSON_TYPE]: {
        schema: probeReported,
        fields: {
          at: 'When the probe ran.',
          ok: 'Whether every step succeeded.',
          failed: 'The step that failed.',
          steps: 'The steps that were taken, with their durations in ms.',
        },
      },
    },
  },
  answer: { ...jsonObject('The report is recorded.'), status: 202 },
  refusals: ['invalid-request', 'invalid-value'],
});

/** The answers for `pa slo` and `pa freshness`, and the reports of `pa probe --report`. */
@Controller()
export class SloController {
  constructor(
    @Inject(ServiceLevels) private readonly levels: ServiceLevels,
    @Inject(PORTS) private readonly ports: ServicePorts,
  ) {}

  @Operation(LEVELS)
  async report({ query: { from, to } }: Asked<typeof LEVELS>): Promise<Answer> {
    return { json: await this.levels.report(this.period(from, to)) };
  }

  @Operation(FRESHNESS)
  async freshness({ query: { from, to } }: Asked<typeof FRESHNESS>): Promise<Answer> {
    return { json: await this.levels.freshness(this.period(from, to)) };
  }

  @Operation(PROBE)
  async probed({ body }: Asked<typeof PROBE>): Promise<Answer> {
    const report = probeReported.safeParse(jsonOf(body));
    if (!report.success)
      throw new Refusal(
        'invalid-request',
        report.error.issues.map((i) => `${i.path.join('.') || 'body'}: ${i.message}`).join('; '),
      );
    const at = Date.parse(report.data.at);
    if (Number.isNaN(at) || at > this.ports.clock.now() + AHEAD_MS)
      throw new Refusal('invalid-value', 'at must be an RFC 3339 instant that is not ahead of this server.');
    if (report.data.ok !== (report.data.failed === undefined))
      throw new Refusal('invalid-value', 'failed names the step exactly when ok is false.');
    await this.levels.probed({ ...report.data, at: new Date(at).toISOString() });
    return { json: { accepted: true } };
  }

  private period(from: string | undefined, to: string | undefined): { from: string; to: string } {
    const last = to ?? this.levels.calendar.dayOf(this.ports.clock.now());
    return daysOfReport(from ?? `${last.slice(0, 8)}01`, last);
  }
}

/** This service takes bodies as bytes: what a kick-off sends goes on unchanged. */
