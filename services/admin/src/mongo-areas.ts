import {
  applyState,
  planState,
  type IndexPlan,
  type MongoOptions as StateOptions,
} from '@provider-access/engines/state/mongo';
import {
  applyViews,
  planViews,
  type MongoOptions as ViewsOptions,
  type PlannedView,
} from '@provider-access/engines/views/mongo';
import type { Area, Row } from './report.ts';
import { PROJECTIONS } from './services.ts';

const DROP_BY_HAND =
  'state: an index with this name has another definition. Drop it by hand (dropIndex) if nobody else needs it, ' +
  'then apply.';
const NEW_VERSION =
  'views: the collection was made for another definition. Give a changed projection a new version, which is built ' +
  'beside the old one.';

function viewRow({ collection, index, state }: PlannedView): Row {
  const base = { area: 'views' as const, what: `${collection} ${index}`, shouldBe: 'as declared' };
  switch (state) {
    case 'present':
      return { ...base, is: 'as declared', action: 'none' };
    case 'missing':
      return { ...base, is: 'missing', action: 'create' };
    case 'differs':
      return { ...base, is: 'differs', action: 'by hand', note: NEW_VERSION };
    case 'extra':
      return { ...base, is: 'there', shouldBe: 'not declared, left alone', action: 'none' };
  }
}

const stateRow = ({ collection, index, state }: IndexPlan): Row => ({
  area: 'state',
  what: `${collection} ${index}`,
  is: state === 'present' ? 'as declared' : state,
  shouldBe: 'as declared',
  action: state === 'present' ? 'none' : state === 'missing' ? 'create' : 'by hand',
  ...(state === 'different' && { note: DROP_BY_HAND }),
});

/** `apply` returns the rows of its plan. Differences that remain are marked `by hand`. */
const area = (plan: () => Promise<readonly Row[]>, apply: () => Promise<unknown>): Area => ({
  plan,
  async apply() {
    const before = await plan();
    await apply();
    return before;
  },
});

/** The views of all services, with the indexes of their builds. */
export const viewsArea = (options: ViewsOptions): Area =>
  area(
    async () => (await planViews(options, PROJECTIONS)).map(viewRow),
    () => applyViews(options, PROJECTIONS),
  );

/** The indexes of the state collections. */
export const stateArea = (options: StateOptions): Area =>
  area(
    async () => (await planState(options)).map(stateRow),
    () => applyState(options),
  );
