import { Controller, Get, Header, Inject, Query, UseGuards } from '@nestjs/common';
import type { FeedReport } from '@provider-access/domain/pdex/feeds';
import type { ViewReader } from '@provider-access/engines/views';
import { instant } from '@provider-access/kernel';
import { dayPipe, daysOfReport, PORTS, type ServicePorts, zodPipe } from '@provider-access/service/http';
import { StaticTokenGuard } from '@provider-access/smart';
import { z } from 'zod';
import { CONFIG, type ResourcesConfig } from '../../config.ts';
import { feeds, feedsOf } from '../../projections/feeds.ts';

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 7;

const dayOf = (ms: number): string => instant(ms).slice(0, 10);
const one = (name: string) => zodPipe('invalid-value', z.string(`${name} may be given once.`).optional());

/** GET /ops/feeds: what the payer's data lacks, for `pa feeds`. */
@Controller('ops/feeds')
@UseGuards(StaticTokenGuard('payer', 'administrator'))
export class FeedsController {
  private readonly reader: ViewReader;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: ResourcesConfig,
  ) {
    this.reader = ports.views.reader(feeds);
  }

  /** `from` and `to` are UTC days, both included. Default: the last seven days. */
  @Get()
  @Header('content-type', 'application/json; charset=utf-8')
  @Header('cache-control', 'no-store')
  async report(
    @Query('from', dayPipe('from')) from: string | undefined,
    @Query('to', dayPipe('to')) to: string | undefined,
    @Query('source', one('source')) source: string | undefined,
    @Query('profile', one('profile')) profile: string | undefined,
  ): Promise<string> {
    const last = to ?? dayOf(this.ports.clock.now());
    const period = daysOfReport(from ?? dayOf(Date.parse(last) - (DEFAULT_DAYS - 1) * DAY_MS), last);
    const all = await feedsOf(this.reader, period, this.config.profiles);
    const found = all.filter(
      (feed) =>
        (source === undefined || feed.source === source) &&
        (profile === undefined || feed.profile === profile || feed.profile?.startsWith(`${profile}|`) === true),
    );
    return JSON.stringify({ ...period, feeds: found } satisfies FeedReport);
  }
}
