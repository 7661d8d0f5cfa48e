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
import { AS_DECLARED, type Area, type Row } from './report.ts';
import { PROJECTIONS } from './services.ts';

const DROP_BY_HAND =
  'state: an index with this name has another definition. Drop it by hand (dropIndex) if nobody else needs it, ' +
  'then apply.';
const NEW_VERSION =
  'views: the collection was made for another definition. Give a changed projection a new version, which is built ' +
  'beside the old one.';

const MISSING = { is: 'missing', shouldBe: 'as declared', action: 'create' } as const;
const VIEW_STATES: Readonly<Record<PlannedView['state'], Omit<Row, 'area' | 'what'>>> = {
  present: AS_DECLARED,
  missing: MISSING,
  differs: { is: 'differs', shouldBe: 'as declared', action: 'by hand', note: NEW_VERSION },
  extra: { is: 'there', shouldBe: 'not declared, left alone', action: 'none' },
};
const STATE_STATES: Readonly<Record<IndexPlan['state'], Omit<Row, 'area' | 'what'>>> = {
  present: AS_DECLARED,
  missing: MISSING,
  different: { is: 'different', shouldBe: 'as declared', action: 'by hand', note: DROP_BY_HAND },
};

/** `apply` returns the rows of its plan. Differences that remain are marked `by hand`. */
function area<State extends string>(
  name: Row['area'],
  states: Readonly<Record<State, Omit<Row, 'area' | 'what'>>>,
  plan: () => Promise<readonly { readonly collection: string; readonly index: string; readonly state: State }[]>,
  apply: () => Promise<unknown>,
): Area {
  const rows = async (): Promise<readonly Row[]> =>
    (await plan()).map(({ collection, index, state }) => ({
      area: name,
      what: `${collection} ${index}`,
      ...states[state],
    }));
  return {
    plan: rows,
    async apply() {
      const before = await rows();
      await apply();
      return before;
    },
  };
}

/** The views of all services, with the indexes of their builds. */
export const viewsArea = (options: ViewsOptions): Area =>
  area(
    'views',
    VIEW_STATES,
    () => planViews(options, PROJECTIONS),
    () => applyViews(options, PROJECTIONS),
  );

/** The indexes of the state collections. */
export const stateArea = (options: StateOptions): Area =>
  area(
    'state',
    STATE_STATES,
    () => planState(options),
    () => applyState(options),
  );
