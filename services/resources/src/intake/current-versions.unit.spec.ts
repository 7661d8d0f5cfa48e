import { expect, it } from 'vitest';
import { PA_RECORDS } from '@provider-access/events';
import type { Position } from '@provider-access/engines/log';
import type { RecordsReader } from '@provider-access/records';
import type { Head } from '../domain/decide.ts';
import { CurrentVersions } from './current-versions.ts';

const head = (versionId: number): Head =>
  ({ versionId, contentHash: `h${versionId}`, lastUpdated: versionId }) as unknown as Head;

/** A view that has what `stored` holds, and a log that ends at `at`. */
function opened() {
  const state = { at: 0, asked: 0, stored: new Map<string, Head>() };
  const position = (): Position => ({ [PA_RECORDS]: [state.at] });
  const view = {
    waitFor: async () => true,
    position: async () => (state.asked++, { topics: position(), derived: {} }),
  };
  const reader = {
    views: { records: view },
    heads: async (ids: readonly string[]) => ids.map((id) => state.stored.get(id)),
  } as unknown as RecordsReader;
  const current = new CurrentVersions({ head: async () => position() }, reader);
  const wrote = async (...entries: (readonly [string, Head])[]): Promise<void> => {
    state.at++;
    await current.wrote(current.inFlight, new Map(entries), new Map());
  };
  return { state, current, wrote };
}

it('does not ask for the position of the view at each batch, while what it remembers is bounded', async () => {
  const { state, current, wrote } = opened();
  await current.ready();
  state.asked = 0;
  for (let batch = 0; batch < 10; batch++) {
    await current.ready();
    await wrote([`id-${batch}`, head(1)]);
  }
  expect(state.asked).toBe(0);
  for (let batch = 0; batch < 30; batch++) {
    await current.ready();
    await wrote(...Array.from({ length: 500 }, (_, i) => [`${batch}/${i}`, head(1)] as const));
    expect(current.inFlight.size).toBeLessThan(3_000);
  }
});

it('forgets what it wrote after a doubt, so that a newer version of another process counts', async () => {
  const { state, current, wrote } = opened();
  await current.ready();
  await wrote(['shared', head(1)]);
  state.stored.set('shared', head(2));
  await current.ready();
  expect(await current.headsOf(['shared'])).toEqual(new Map([['shared', head(1)]]));
  await current.catchUp();
  expect(await current.headsOf(['shared'])).toEqual(new Map([['shared', head(2)]]));
});
