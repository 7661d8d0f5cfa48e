import { Controller, Inject, type Type } from '@nestjs/common';
import { ProjectionSet, RebuildRefused } from '@provider-access/engines/views';
import { Refusal } from '@provider-access/kernel';
import { JSON_TYPE } from '../http/media-types.ts';
import type { Answer } from './answer.ts';
import type { Asked } from './asked.ts';
import { operation } from './descriptor.ts';
import { Operation } from './operation.ts';

const PARAMETERS = { service: 'The service that keeps the view up.', name: 'The name of the view.' };
const answers = (description: string) => ({ description, type: JSON_TYPE, schema: { type: 'object' } });

/** The operations on the views of a service. */
const operationsOn = (service: string) => {
  const common = { callers: ['administrator'], tag: 'Operations', parameters: PARAMETERS } as const;
  return {
    LIST: operation({
      ...common,
      route: `GET /ops/views/${service}`,
      summary: 'List the views of a service',
      answer: answers('Each view with its version and position.'),
      refusals: [],
    }),
    REBUILD: operation({
      ...common,
      route: `POST /ops/views/${service}/{name}/rebuild`,
      summary: 'Build a view again beside the live one',
      description: 'Answers after the new build has replaced the live one.',
      answer: answers('The view was replaced.'),
      refusals: ['not-found', 'conflict'],
    }),
    ROLLBACK: operation({
      ...common,
      route: `POST /ops/views/${service}/{name}/rollback`,
      summary: 'Return to the build before',
      answer: answers('The build before is live again.'),
      refusals: ['not-found', 'conflict'],
    }),
    ABANDON: operation({
      ...common,
      route: `POST /ops/views/${service}/{name}/abandon`,
      summary: 'Give up an unfinished build',
      answer: answers('The build is given up.'),
      refusals: ['not-found', 'conflict'],
    }),
  };
};
type Named = Asked<ReturnType<typeof operationsOn>['REBUILD']>;

/** The controller of the views that a service keeps up to date. The module provides its ProjectionSet. */
export function viewsController(service: string): Type<unknown> {
  const { LIST, REBUILD, ROLLBACK, ABANDON } = operationsOn(service);

  @Controller()
  class ViewsController {
    constructor(@Inject(ProjectionSet) private readonly projections: ProjectionSet) {}

    @Operation(LIST)
    async list(): Promise<Answer> {
      return { json: { views: await this.projections.status() } };
    }

    @Operation(REBUILD)
    rebuild({ params }: Named): Promise<Answer> {
      return answer(async () => {
        const { dropped: _dropped, ...result } = await this.projections.rebuild(params.name);
        return result;
      });
    }

    @Operation(ROLLBACK)
    rollback({ params }: Named): Promise<Answer> {
      return answer(async () => {
        const { dropped: _dropped, ...result } = await this.projections.rollback(params.name);
        return result;
      });
    }

    @Operation(ABANDON)
    abandon({ params }: Named): Promise<Answer> {
      return answer(async () => ({ abandoned: await this.projections.abandon(params.name) }));
    }
  }
  return ViewsController;
}

async function answer(work: () => Promise<object>): Promise<Answer> {
  try {
    return { json: await work() };
  } catch (error) {
    if (error instanceof RangeError) throw new Refusal('not-found', 'There is no such view here.');
    if (error instanceof RebuildRefused) throw new Refusal('conflict', error.message);
    throw error;
  }
}
