import { Body, Controller, Get, Header, HttpCode, Inject, Post, Query, UseGuards } from '@nestjs/common';
import { probeReported } from '@provider-access/events';
import { Refusal } from '@provider-access/kernel';
import { dayPipe, daysOfReport, PORTS, type ServicePorts } from '@provider-access/service/http';
import { StaticTokenGuard } from '@provider-access/smart';
import { ServiceLevels } from './service-levels.ts';

/** A time that is further in the future (ms) is a mistake. */
const AHEAD_MS = 5 * 60_000;

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
    @Query('from', dayPipe('from')) from: string | undefined,
    @Query('to', dayPipe('to')) to: string | undefined,
  ): Promise<string> {
    return JSON.stringify(await this.levels.report(this.period(from, to)));
  }

  /** How fresh the events of each source and type are, for `pa freshness`. */
  @Get('slo/freshness')
  @Header('content-type', 'application/json; charset=utf-8')
  @Header('cache-control', 'no-store')
  async freshness(
    @Query('from', dayPipe('from')) from: string | undefined,
    @Query('to', dayPipe('to')) to: string | undefined,
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
    return daysOfReport(from ?? `${last.slice(0, 8)}01`, last);
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
