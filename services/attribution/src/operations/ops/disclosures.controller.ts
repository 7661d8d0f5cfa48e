import { Controller, Get, Header, Inject, Query, UseGuards } from '@nestjs/common';
import { disclosures, disclosuresOf } from '@provider-access/audit';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { StaticTokenGuard } from '@provider-access/smart';
import type { ViewReader } from '@provider-access/engines/views';

const LIMIT = 1000;

/**
 * Everything that was released or refused about a member, newest first (at most 1000): the answer for `pa disclosures`.
 */
@Controller()
export class DisclosuresController {
  private readonly reader: ViewReader;
  constructor(@Inject(PORTS) ports: ServicePorts) {
    this.reader = ports.views.reader(disclosures);
  }

  @Get('ops/disclosures')
  @Header('content-type', 'application/json; charset=utf-8')
  @Header('cache-control', 'no-store')
  @UseGuards(StaticTokenGuard('administrator'))
  async list(@Query('member') member: unknown): Promise<string> {
    if (typeof member !== 'string' || member === '') throw new Refusal('required', 'member is required: an id.');
    return JSON.stringify({ member, disclosures: await disclosuresOf(this.reader, member, LIMIT) });
  }
}
