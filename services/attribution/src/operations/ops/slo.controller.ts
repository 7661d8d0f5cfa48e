import { Body, Controller, Get, Header, HttpCode, Inject, Post, Query, UseGuards } from '@nestjs/common';
import { probeReported } from '@provider-access/events';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts, zodPipe } from '@provider-access/service/http';
import { isIsoDate } from '@provider-access/domain/pdex/service-levels';
import { StaticTokenGuard } from '@provider-access/smart';
import { z } from 'zod';
import { ServiceLevels } from './service-levels.ts';

/** Clients ask for more days in parts. */
const MAX_DAYS = 400;
const DAY_MS = 86_400_000;
/** A time that is further in the future (ms) is a mistake. */
const AHEAD_MS = 5 * 60_000;

const day = (name: string) => {
  const text = `${name} must be a day such as 2026-11-30.`;
  return zodPipe('invalid-value', z.string(text).refine(isIsoDate, text).optional());
};

/** The answers for `pa slo` and `pa freshness`, and the reports of `pa probe --report`. */
@Controller('ops')
@UseGuards(StaticTokenGuard('administrator'))
export class SloController {
  constructor(
    @Inject(ServiceLevels) private readonly levels: ServiceLevels,
    @Inject(PORTS) private readonly ports: ServicePorts,
  ) {}

  /** `from` and `to` are local days of the payer, both included. Default: this month until today. */
  @Get('slo')
  @Header('content-type', 'application/json; charset=utf-8')
  @Header('cache-control', 'no-store')
  async report(
    @Query('from', day('from')) from: string | undefined,
    @Query('to', day('to')) to: string | undefined,
  ): Promise<string> {
    return JSON.stringify(await this.levels.report(this.period(from, to)));
  }

  /** How fresh the events of each source and type are, for `pa freshness`. */
  @Get('slo/freshness')
  @Header('content-type', 'application/json; charset=utf-8')
  @Header('cache-control', 'no-store')
  async freshness(
    @Query('from', day('from')) from: string | undefined,
    @Query('to', day('to')) to: string | undefined,
  ): Promise<string> {
    return JSON.stringify(await this.levels.freshness(this.period(from, to)));
  }

  @Post('probe')
  @HttpCode(202)
  @Header('content-type', 'application/json; charset=utf-8')
  async probed(@Body() body: unknown): Promise<string> {
    const report = probeReported.safeParse(read(body));
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
    return JSON.stringify({ accepted: true });
  }

  private period(from: string | undefined, to: string | undefined): { from: string; to: string } {
    const last = to ?? this.levels.calendar.dayOf(this.ports.clock.now());
    const first = from ?? `${last.slice(0, 8)}01`;
    if (first > last) throw new Refusal('invalid-value', 'from must not lie after to.');
    if (Date.parse(last) - Date.parse(first) >= MAX_DAYS * DAY_MS)
      throw new Refusal('invalid-value', `At most ${MAX_DAYS} days are reported at once.`);
    return { from: first, to: last };
  }
}

/** This service takes bodies as bytes: what a kick-off sends goes on unchanged. */
function read(body: unknown): unknown {
  if (!Buffer.isBuffer(body)) return body;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new Refusal('invalid-request', 'The body is not valid JSON.');
  }
}
