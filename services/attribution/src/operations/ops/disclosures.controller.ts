import { Controller, Get, Header, Inject, Query, UseGuards } from '@nestjs/common';
import { disclosures, disclosuresOf } from '@provider-access/audit';
import { PORTS, type ServicePorts, zodPipe } from '@provider-access/service/http';
import { StaticTokenGuard } from '@provider-access/smart';
import type { ViewReader } from '@provider-access/engines/views';
import { z } from 'zod';

const LIMIT = 1000;
const NAMED = 'member is required: an id.';

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
  async list(@Query('member', zodPipe('required', z.string(NAMED).min(1, NAMED))) member: string): Promise<string> {
    return JSON.stringify({ member, disclosures: await disclosuresOf(this.reader, member, LIMIT) });
  }
}
