import { Controller, Inject } from '@nestjs/common';
import type { FeedReport } from '@provider-access/domain/pdex/feeds';
import type { ViewReader } from '@provider-access/engines/views';
import { instant } from '@provider-access/kernel';
import { dayOrNone, daysOfReport, JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation } from '@provider-access/service/operation';
import { z } from 'zod';
import { CONFIG, type ResourcesConfig } from '../../config.ts';
import { feeds, feedsOf } from '../../projections/feeds.ts';

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 7;

const dayOf = (ms: number): string => instant(ms).slice(0, 10);
const one = (name: string) => z.string(`${name} may be given once.`).optional();

/** What the payer's data lacks, for `pa feeds`. `from` and `to` are UTC days, both included. */
const FEEDS = operation({
  route: 'GET /ops/feeds',
  callers: ['payer', 'operator', 'engineer'],
  tag: 'Operations',
  summary: "Report what the payer's data lacks",
  description:
    'By source, type and profile, the elements that recorded and refused resources lack of the profiles that they ' +
    'declare, the security labels that the policy does not know, the codes of lists ' +
    'that withhold resources, and what is not checked.',
  fields: {
    from: { schema: dayOrNone('from'), description: 'The first UTC day. Default: six days before `to`.' },
    to: {
      schema: dayOrNone('to'),
      description: 'The last UTC day. Default: today. At most 400 days are reported at once.',
    },
    source: { schema: one('source'), description: 'Only this `source` of events.' },
    profile: { schema: one('profile'), description: 'Only this canonical, with a version or in every version.' },
  },
  answer: {
    description: 'The counts of each source, type and profile.',
    type: JSON_TYPE,
    schema: { type: 'object' },
  },
});

@Controller()
export class FeedsController {
  private readonly reader: ViewReader;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: ResourcesConfig,
  ) {
    this.reader = ports.views.reader(feeds);
  }

  @Operation(FEEDS)
  async report({ query: { from, to, source, profile } }: Asked<typeof FEEDS>): Promise<Answer> {
    const last = to ?? dayOf(this.ports.clock.now());
    const period = daysOfReport(from ?? dayOf(Date.parse(last) - (DEFAULT_DAYS - 1) * DAY_MS), last);
    const all = await feedsOf(this.reader, period, this.config.profiles);
    const found = all.filter(
      (feed) =>
        (source === undefined || feed.source === source) &&
        (profile === undefined || feed.profile === profile || feed.profile?.startsWith(`${profile}|`) === true),
    );
    return { json: { ...period, feeds: found } satisfies FeedReport };
  }
}
