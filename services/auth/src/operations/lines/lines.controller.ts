import { Controller, Inject } from '@nestjs/common';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { Parties } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { LinesRegister } from '../../apps/lines-register.ts';
import { linesOf, type LinesTable, linesTable } from '../../domain/lines.ts';
import { LinesReport } from './lines-report.ts';

const COMMON = { callers: ['compliance'], tag: 'Operations' } as const;
const SHOW = operation({
  ...COMMON,
  callers: ['auditor', 'engineer', 'compliance'],
  route: 'GET /ops/lines',
  summary: 'Report the lines of business, and what is not shared',
  description:
    'The table in force, and the coverages of attributed members by line. `unmapped` and `withoutPlan` count ' +
    'coverages of which nothing is shared, because the table does not name their plan, or because no enrolment has ' +
    'named one.',
  answer: jsonObject('The table with its version; version 0 without a table.'),
  refusals: ['unavailable'],
});
const BODY = {
  required: true,
  content: {
    [JSON_TYPE]: {
      schema: linesTable,
      fields: {
        reason: 'Why. The table and its history show it.',
        sources: 'Where the dates come from. It is not kept.',
        lines: {
          type: 'array',
          maxItems: 100,
          description: 'Each line with its start date and its plans, as enrolments name them.',
          items: {
            type: 'object',
            required: ['line'],
            properties: {
              line: { type: 'string' },
              name: { type: 'string' },
              start: { type: 'string', description: 'A day, or an instant with a zone.' },
              source: { type: 'string' },
              note: { type: 'string', description: 'It is not kept.' },
              plans: {
                type: 'array',
                description: 'A plan, or `{"plan", "start"}` for one that starts at another time than its line.',
                items: {},
              },
            },
          },
        },
      },
      example: {
        reason: 'CMS-0057-F',
        lines: [{ line: 'medicare-advantage', start: '2027-01-01', plans: ['H1234-001'] }],
      },
    },
  },
} as const;
const SET = operation({
  ...COMMON,
  route: 'POST /ops/lines',
  summary: 'Set the table of the lines of business',
  description:
    'Replaces the table before. When this answers, every process decides by it. A line without `start` is not ' +
    'shared, and neither is a plan that no line names.',
  body: BODY,
  answer: jsonObject('The table that is in force.'),
  refusals: ['invalid-request', 'conflict', 'unavailable'],
});
const CHECK = operation({
  ...COMMON,
  callers: ['engineer', 'compliance'],
  route: 'POST /ops/lines/check',
  summary: 'Report what a table of the lines of business would share, and set nothing',
  body: BODY,
  answer: jsonObject('As the report of the table in force.'),
  refusals: ['invalid-request', 'unavailable'],
});

/** @throws Refusal 400 that names each fault */
function tableOf(body: unknown): LinesTable {
  const read = linesTable.safeParse(body ?? {});
  if (read.success) return read.data;
  throw new Refusal(
    'invalid-request',
    read.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`).join('; '),
  );
}

/** Lines of business with start dates (docs/lines-of-business.md). */
@Controller()
export class LinesController {
  private readonly report: LinesReport;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Parties) private readonly parties: Parties,
    @Inject(PayerDays) private readonly days: PayerDays,
    @Inject(LinesRegister) private readonly register: LinesRegister,
  ) {
    this.report = new LinesReport(ports.views);
  }

  @Operation(SHOW)
  async show(): Promise<Answer> {
    const table = this.parties.registry.lines.current();
    return { json: await this.report.of(table, this.parties.decisionTime(this.ports.clock.now())) };
  }

  @Operation(SET)
  async set({ body, caller }: Asked<typeof SET>): Promise<Answer> {
    const table = tableOf(body);
    const { reason } = table;
    const set = await this.register.set({
      by: caller.mark,
      ...(reason !== undefined && { reason }),
      lines: linesOf(table, this.days),
    });
    return { json: set };
  }

  @Operation(CHECK)
  async check({ body }: Asked<typeof CHECK>): Promise<Answer> {
    const now = this.parties.decisionTime(this.ports.clock.now());
    const version = (this.parties.registry.lines.current()?.version ?? 0) + 1;
    const lines = linesOf(tableOf(body), this.days);
    return { json: await this.report.of({ version, setAt: instant(now), by: 'nobody', lines }, now) };
  }
}
