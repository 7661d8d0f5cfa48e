import { Controller, Inject } from '@nestjs/common';
import type { ViewReader } from '@provider-access/engines/views';
import { CURES, instant, REFUSALS } from '@provider-access/kernel';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation } from '@provider-access/service/operation';
import { z } from 'zod';
import { evidence } from '../../projections/evidence.ts';
import { type OwnRefusalsPart, refusedId } from '../../projections/own-refusals.ts';

const DAY_MS = 86_400_000;
const DAYS = 30;

const LIST = z.object({
  from: z.string(),
  to: z.string(),
  refusals: z.array(
    z.object({
      day: z.string(),
      action: z.string(),
      status: z.int(),
      code: z.string(),
      type: z.string().optional(),
      count: z.int(),
      last: z.string(),
      cure: z.string(),
    }),
  ),
});

/** The app's own refusals. It tells nothing that the refusals themselves did not tell (docs/refusals.md). */
const OWN = operation({
  route: 'GET /refusals',
  callers: 'app',
  tag: 'Apps and tokens',
  summary: 'List what was refused to the app, with the cure',
  description:
    'Refusals of the last 30 UTC days, counted by day, action and code, the newest day first. It has answers with ' +
    '400 and 403, refused tokens, and the 404 of single reads and of downloads. A 404 looks the same for ' +
    'everything that the app may not see, as in its own answer. Other refusals are in their answers alone. An entry ' +
    'appears some seconds after its answer. Those of 400 and 403 that repeat within a minute are counted together, ' +
    'up to a minute later.',
  answer: { description: 'The refusals.', type: JSON_TYPE, schema: LIST },
});

@Controller()
export class RefusalsController {
  private readonly reader: ViewReader;
  constructor(@Inject(PORTS) private readonly ports: ServicePorts) {
    this.reader = ports.views.reader(evidence);
  }

  /** Always the same reads, however much was refused, so that the time of the answer tells nothing. */
  @Operation(OWN)
  async list({ client }: Asked<typeof OWN>): Promise<Answer> {
    const now = this.ports.clock.now();
    const days = Array.from({ length: DAYS }, (_, n) => instant(now - n * DAY_MS).slice(0, 10));
    const documents = await this.reader.getMany(days.map((day) => refusedId(client, day)));
    const refusals = days.flatMap((day, n) => {
      const part = documents[n]?.['audit'] as OwnRefusalsPart | undefined;
      const rows = (part?.rows ?? []).toSorted((a, b) => b.last - a.last);
      return rows.map(({ action, code, type, count, last }) => ({
        ...{ day, action, status: REFUSALS[code].status, code, ...(type !== undefined && { type }) },
        ...{ count, last: instant(last), cure: CURES[code] },
      }));
    });
    return { json: { from: days.at(-1)!, to: days[0]!, refusals } satisfies z.infer<typeof LIST> };
  }
}
