import { Controller, Inject } from '@nestjs/common';
import type { Reasons } from '@provider-access/domain/pdex/reasons';
import { isInstant } from '@provider-access/fhir';
import { ClientDetails } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { z } from 'zod';
import { Clients } from '../../apps/clients.ts';
import { type AuthConfig, CONFIG } from '../../config.ts';
import { type DecisionRow, decisionRows } from './decisions-report.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** The time of a report without `from`. */
const DEFAULT_DAYS = 365;
const time = (name: string, description: string) => {
  const text = `${name} must be an RFC 3339 instant with a zone, such as 2026-07-01T00:00:00-05:00.`;
  const schema = z
    .string(text)
    .refine(isInstant, text)
    .transform((value) => Date.parse(value))
    .optional();
  return { schema, description };
};
const REPORT = operation({
  route: 'GET /auth/decisions',
  callers: ['reviewer', 'auditor', 'compliance'],
  tag: 'Review of apps',
  summary: 'Report the decisions about apps by reason and age',
  description: 'Shows whether all apps are treated equally (42 CFR 422.119(e)). It has no names of apps.',
  fields: {
    from: time('from', 'Decisions that are not before this instant. Default: 365 days before `to`.'),
    to: time('to', 'Decisions before this instant. Default: now.'),
  },
  answer: jsonObject(
    "Decisions by status and reason, with the payer's text of the reason, and how long apps wait now.",
  ),
});

/** The payer's words for the reason of a row, if its list has the code now. */
function textOf({ reason }: DecisionRow, reasons: Reasons): { readonly text?: string } {
  const text = Object.values(reasons)
    .flat()
    .find(({ code }) => code === reason)?.text;
  return text === undefined ? {} : { text };
}

/** The report of decisions for `pa apps report` (docs/reviewing.md). */
@Controller()
export class DecisionsReportController {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Clients) private readonly clients: Clients,
    @Inject(ClientDetails) private readonly details: ClientDetails,
    @Inject(CONFIG) private readonly config: Pick<AuthConfig, 'reasons'>,
  ) {}

  @Operation(REPORT)
  async report({ query: { from, to } }: Asked<typeof REPORT>): Promise<Answer> {
    const now = this.ports.clock.now();
    const end = to ?? now;
    const start = from ?? end - DEFAULT_DAYS * DAY_MS;
    if (start >= end) throw new Refusal('invalid-value', 'from must be before to.');
    const waiting = await this.clients.waitingSince();
    return {
      json: {
        from: instant(start),
        to: instant(end),
        decisions: decisionRows(this.details.decided(), this.details.rejected(), { from: start, to: end }).map(
          (row) => ({
            ...row,
            ...textOf(row, this.config.reasons),
          }),
        ),
        waiting: {
          count: waiting.length,
          ...(waiting.length > 0 && { oldestDays: Math.floor((now - Math.min(...waiting)) / DAY_MS) }),
        },
      },
    };
  }
}
