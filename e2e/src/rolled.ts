import { expect, test } from 'vitest';
import type { RoadLoad } from './road-load.ts';
import type { Served } from './road.ts';
import { rebuildAll } from './views.ts';

/** What must be true after roll-outs under a load, wherever they happened; the load ends with it. */
export function testRolled(of: () => { readonly platform: Served; readonly load: RoadLoad }): void {
  test('every view is rebuilt under the load, and equals the live one', async () => {
    const { platform, load } = of();
    for (const { view, equal } of await rebuildAll(platform)) expect([view, equal]).toEqual([view, true]);
    expect(load.failed()).toEqual([]);
  }, 600_000);

  test('nothing that was accepted is lost or doubled, and every export was whole', async () => {
    const { load } = of();
    const report = await load.stop();
    console.info(JSON.stringify({ ...report, failures: report.failures.length }));
    expect(load.failed()).toEqual([]);
    expect(report.exports).toBeGreaterThan(3);
    expect(report.optOuts).toBeGreaterThan(3);
    expect(report.events).toBeGreaterThan(50);
  }, 120_000);
}
