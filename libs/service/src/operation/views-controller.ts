import { Controller, Inject, type Type } from '@nestjs/common';
import { ProjectionSet, RebuildRefused } from '@provider-access/engines/views';
import { Refusal } from '@provider-access/kernel';
import type { Answer } from './answer.ts';
import type { Asked } from './asked.ts';
import { operation } from './descriptor.ts';
import { jsonObject } from './fhir.ts';
import { Operation } from './operation.ts';

const PARAMETERS = { service: 'The service that keeps the view up.', name: 'The name of the view.' };

/** The operations on the views of a service. */
const operationsOn = (service: string) => {
  const common = { callers: ['operator'], tag: 'Operations', parameters: PARAMETERS } as const;
  const ofOne = { ...common, refusals: ['not-found', 'conflict'] } as const;
  return {
    LIST: operation({
      ...common,
      callers: ['operator', 'engineer'],
      route: `GET /ops/views/${service}`,
      summary: 'List the views of a service',
      answer: jsonObject('Each view with its version and position.'),
    }),
    REBUILD: operation({
      ...ofOne,
      route: `POST /ops/views/${service}/{name}/rebuild`,
      summary: 'Build a view again beside the live one',
      description: 'Answers after the new build has replaced the live one.',
      answer: jsonObject('The view was replaced.'),
    }),
    ROLLBACK: operation({
      ...ofOne,
      route: `POST /ops/views/${service}/{name}/rollback`,
      summary: 'Return to the build before',
      answer: jsonObject('The build before is live again.'),
    }),
    ABANDON: operation({
      ...ofOne,
      route: `POST /ops/views/${service}/{name}/abandon`,
      summary: 'Give up an unfinished build',
      answer: jsonObject('The build is given up.'),
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
      return answer(() => this.projections.rebuild(params.name));
    }

    @Operation(ROLLBACK)
    rollback({ params }: Named): Promise<Answer> {
      return answer(() => this.projections.rollback(params.name));
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
