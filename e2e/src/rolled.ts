import { expect, test } from 'vitest';
import type { RoadLoad } from './road-load.ts';
import type { Served } from './road.ts';
import { rebuildAll } from './views.ts';

/** What must hold for roll-outs under load on every deployment. */
type Rolled = () => { readonly platform: Served; readonly load: RoadLoad };

/** Rebuilds the views of the current build while the load continues. */
export function testRebuilt(of: Rolled): void {
  test('a view of each service is rebuilt under the load, and equals the live one', async () => {
    const { platform, load } = of();
    const unequal = async (): Promise<string[]> =>
      (await rebuildAll(platform, { ofEach: 1 })).filter(({ equal }) => equal !== true).map(({ view }) => view);
    // A document of records that the release before folded lacks the labels, which a reader then takes from the line.
    const first = await unequal();
    expect(first.filter((view) => view !== 'resources_records_v1')).toEqual([]);
    if (first.length > 0) expect(await unequal()).toEqual([]);
    expect(load.failed()).toEqual([]);
  }, 600_000);
}

/** Ends the load. */
export function testNothingLost(of: Rolled): void {
  test('nothing that was accepted is lost or doubled, and every export was whole', async () => {
    const { load } = of();
    const report = await load.stop();
    console.info(JSON.stringify({ ...report, failures: report.failures.length }));
    expect(load.failed()).toEqual([]);
    // The load made rounds before and after each roll-out.
    for (const done of [report.exports, report.optOuts, report.events]) expect(done).toBeGreaterThan(3);
  }, 600_000);
}
