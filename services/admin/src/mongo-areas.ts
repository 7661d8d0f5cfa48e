import { applyState, planState, type MongoOptions as StateOptions } from '@provider-access/engines/state/mongo';
import {
  applyViews,
  planViews,
  type MongoOptions as ViewsOptions,
  type PlannedIndex,
} from '@provider-access/engines/views/mongo';
import { AS_DECLARED, type Area, type Row } from './report.ts';
import { PROJECTIONS } from './services.ts';

/** What a person must do about an index that differs. */
const BY_HAND = {
  state:
    'state: an index with this name has another definition. Drop it by hand (dropIndex) if nobody else needs it, ' +
    'then apply.',
  views:
    'views: the collection was made for another definition. Give a changed projection a new version, which is built ' +
    'beside the old one.',
};
const STATES: Readonly<Record<PlannedIndex['state'], Omit<Row, 'area' | 'what'>>> = {
  present: AS_DECLARED,
  missing: { is: 'missing', shouldBe: 'as declared', action: 'create' },
  differs: { is: 'differs', shouldBe: 'as declared', action: 'by hand' },
  extra: { is: 'there', shouldBe: 'not declared, left alone', action: 'none' },
};

/** `apply` returns the rows of its plan. Differences that remain are marked `by hand`. */
function area(
  name: keyof typeof BY_HAND,
  plan: () => Promise<readonly PlannedIndex[]>,
  apply: () => Promise<unknown>,
): Area {
  const rows = async (): Promise<readonly Row[]> =>
    (await plan()).map(({ collection, index, state }) => ({
      area: name,
      what: `${collection} ${index}`,
      ...STATES[state],
      ...(state === 'differs' && { note: BY_HAND[name] }),
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
    () => planViews(options, PROJECTIONS),
    () => applyViews(options, PROJECTIONS),
  );

/** The indexes of the state collections. */
export const stateArea = (options: StateOptions): Area =>
  area(
    'state',
    () => planState(options),
    () => applyState(options),
  );
