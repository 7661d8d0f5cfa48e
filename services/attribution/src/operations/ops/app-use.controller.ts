import { Controller, Inject } from '@nestjs/common';
import { PA_AUDIT } from '@provider-access/events';
import { instant, Refusal } from '@provider-access/kernel';
import type { ViewReader } from '@provider-access/engines/views';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { type AppUsePart, type AuditDayPart, evidence } from '../../projections/evidence.ts';

/** How long an answer waits for the view, ms. */
const WAIT_MS = 5000;
/** Documents of one app: one for each partition of the audit. */
const MOST = 1000;

/** What an app took, as counts and times, because a reviewer reads nothing about members (APPS.md P63). */
const USE = operation({
  route: 'GET /ops/evidence/apps/{client}',
  callers: ['reviewer', 'auditor', 'compliance'],
  tag: 'Operations',
  parameters: { client: 'The `client_id` of the app.' },
  summary: 'Report what an app took, and when last',
  description:
    'Releases and resources by what the app asked for, and refusals by reason, each with the first and the last ' +
    'time. It counts since `recordedSince`, and names no member.',
  answer: jsonObject('`last`: the last release. `given` and `refused` are empty for an app that never asked.'),
  refusals: ['unavailable'],
});

type Uses = AppUsePart['given'];
interface Sum {
  readonly count: number;
  readonly resources: number;
  readonly first: string;
  readonly last: string;
}
/** The counts of all partitions by name, the name with the last one first. */
function summed(parts: readonly Uses[]): readonly (readonly [name: string, sum: Sum])[] {
  const all = Map.groupBy(
    parts.flatMap((uses) => Object.entries(uses)),
    ([name]) => name,
  );
  const total = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0);
  return Array.from(all, ([name, found]): readonly [string, Sum] => {
    const uses = found.map(([, use]) => use);
    return [
      name,
      {
        count: total(uses.map(([count]) => count)),
        resources: total(uses.map(([, resources]) => resources)),
        first: instant(Math.min(...uses.map(([, , first]) => first))),
        last: instant(Math.max(...uses.map(([, , , last]) => last))),
      },
    ];
  }).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

@Controller()
export class AppUseController {
  private readonly counts: ViewReader;
  constructor(@Inject(PORTS) private readonly ports: ServicePorts) {
    this.counts = ports.views.reader(evidence);
  }

  @Operation(USE)
  async use({ params }: Asked<typeof USE>): Promise<Answer> {
    const client = params['client'] ?? '';
    if (!(await this.counts.waitFor(await this.ports.log.head([PA_AUDIT]), WAIT_MS)))
      throw new Refusal('unavailable', 'The counts are not up to date yet. Repeat the request.', { retryAfter: 5 });
    const [first] = await this.counts.find({ index: 'by_day', range: { gte: '0' }, limit: 1 });
    const since = (first?.['audit'] as AuditDayPart | undefined)?.day;
    const found = await this.counts.find({ index: 'by_app', equals: [client], limit: MOST });
    const parts = found.map((document) => document['audit'] as AppUsePart);
    const given = summed(parts.map((part) => part.given));
    const last = given
      .map(([, sum]) => sum.last)
      .toSorted()
      .at(-1);
    return {
      json: {
        client,
        ...(since !== undefined && { recordedSince: since }),
        ...(last !== undefined && { last }),
        given: given.map(([action, { count, ...sum }]) => ({ action, releases: count, ...sum })),
        refused: summed(parts.map((part) => part.refused)).map(([reason, { resources: _none, ...sum }]) => ({
          reason,
          ...sum,
        })),
      },
    };
  }
}
