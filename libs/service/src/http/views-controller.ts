import {
  type CanActivate,
  Controller,
  Get,
  Header,
  HttpCode,
  Inject,
  Param,
  Post,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { ProjectionSet, RebuildRefused } from '@provider-access/engines/views';
import { Refusal } from '@provider-access/kernel';

/**
 * `/ops/views/<service>`: the state of the views that a service keeps up to date. `POST …/{name}/rebuild` builds one
 * beside the live one and answers after the swap. `POST …/{name}/rollback` swaps the previous one in again. `POST
 * …/{name}/abandon` gives up an unfinished one. The module provides its ProjectionSet; the guard decides who may call.
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
    rebuild(@Param('name') name: string): Promise<string> {
      return answer(async () => {
        const { dropped: _dropped, ...result } = await this.projections.rebuild(name);
        return result;
      });
    }

    @Post(':name/rollback')
    @HttpCode(200)
    @Header('content-type', 'application/json; charset=utf-8')
    rollback(@Param('name') name: string): Promise<string> {
      return answer(async () => {
        const { dropped: _dropped, ...result } = await this.projections.rollback(name);
        return result;
      });
    }

    @Post(':name/abandon')
    @HttpCode(200)
    @Header('content-type', 'application/json; charset=utf-8')
    abandon(@Param('name') name: string): Promise<string> {
      return answer(async () => ({ abandoned: await this.projections.abandon(name) }));
    }
  }
  return ViewsController;
}

async function answer(work: () => Promise<object>): Promise<string> {
  try {
    return JSON.stringify(await work());
  } catch (error) {
    if (error instanceof RangeError) throw new Refusal('not-found', 'There is no such view here.');
    if (error instanceof RebuildRefused) throw new Refusal('conflict', error.message);
    throw error;
  }
}
