import { Controller, Get, Header, HttpCode, Inject, Param, Post, UseGuards } from '@nestjs/common';
import { Refusal } from '@provider-access/http';
import { StaticTokenGuard } from '@provider-access/smart';
import type { ProjectionSet } from '@provider-access/views';
import { PROJECTIONS } from '../../tokens.ts';

/** The views that attribution keeps up to date, and their rebuild. */
@Controller()
@UseGuards(StaticTokenGuard('administrator'))
export class ViewsController {
  private readonly projections: ProjectionSet;
  constructor(@Inject(PROJECTIONS) projections: ProjectionSet) {
    this.projections = projections;
  }

  @Get('ops/views/attribution')
  @Header('content-type', 'application/json; charset=utf-8')
  async list(): Promise<string> {
    return JSON.stringify({ views: await this.projections.status() });
  }

  /** Answers when the rebuilt view has been swapped in. */
  @Post('ops/views/attribution/:name/rebuild')
  @HttpCode(200)
  @Header('content-type', 'application/json; charset=utf-8')
  async rebuild(@Param('name') name: string): Promise<string> {
    try {
      return JSON.stringify(await this.projections.rebuild(name));
    } catch (error) {
      if (error instanceof RangeError) throw new Refusal('not-found', 'There is no such view.');
      throw error;
    }
  }
}
