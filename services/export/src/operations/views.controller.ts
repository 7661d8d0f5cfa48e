import { Controller, Get, Header, HttpCode, Inject, Param, Post, UseGuards } from '@nestjs/common';
import { Refusal } from '@provider-access/http';
import { StaticTokenGuard } from '@provider-access/smart';
import { ProjectionSet } from '@provider-access/views';

/** /ops/views/export: where the views of this service stand; rebuilds one beside itself. */
@Controller('ops/views/export')
@UseGuards(StaticTokenGuard('administrator'))
export class ViewsController {
  private readonly projections: ProjectionSet;
  constructor(@Inject(ProjectionSet) projections: ProjectionSet) {
    this.projections = projections;
  }

  @Get()
  @Header('content-type', 'application/json; charset=utf-8')
  async list(): Promise<string> {
    return JSON.stringify({ views: await this.projections.status() });
  }

  @Post(':name/rebuild')
  @HttpCode(200)
  @Header('content-type', 'application/json; charset=utf-8')
  async rebuild(@Param('name') name: string): Promise<string> {
    try {
      const { dropped: _dropped, ...result } = await this.projections.rebuild(name);
      return JSON.stringify(result);
    } catch (error) {
      if (error instanceof RangeError) throw new Refusal('not-found', 'There is no such view here.');
      throw error;
    }
  }
}
