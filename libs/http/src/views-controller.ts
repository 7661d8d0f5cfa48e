import { type CanActivate, Controller, Get, Header, HttpCode, Inject, Param, Post, type Type, UseGuards } from '@nestjs/common';
import { ProjectionSet } from '@provider-access/views';
import { Refusal } from './refusal.ts';

/**
 * `/ops/views/<service>`: where the views stand that a service keeps up to date; `POST …/{name}/rebuild` builds one beside the live
 * one and answers when it has been swapped in. The module provides its ProjectionSet; the guard says who may ask.
 */
export function viewsController(service: string, guard: Type<CanActivate>): Type<unknown> {
  @Controller(`ops/views/${service}`)
  @UseGuards(guard)
  class ViewsController {
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
  return ViewsController;
}
