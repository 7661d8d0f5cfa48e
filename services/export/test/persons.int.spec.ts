import { afterEach, expect, it } from 'vitest';
import { personLabels } from '@provider-access/domain/pdex/labels';
import { Platform } from './harness.ts';

let platform: Platform;
afterEach(() => platform.dispose());

/** N7 and ADR 0057: readers ask whether a person inside a resource is another member, also of files that are there. */
it('leaves a resource out of a written file once a person inside it is another member', async () => {
  platform = await Platform.start();
  await platform.client('c1');
  await platform.group();
  await platform.members(['m1']);
  await platform.resources([
    { member: 'm1', type: 'Observation', id: 'a' },
    { member: 'm1', type: 'Observation', id: 'b', labels: [...personLabels({ ids: ['late'], identifiers: [] })] },
  ]);
  const job = await platform.kickOff();
  const exported = async (of: string): Promise<string[]> =>
    Object.values(await platform.lines(await platform.manifest(of)))
      .flat()
      .map(({ id }) => id)
      .toSorted();
  expect(await exported(job)).toEqual(['a', 'b']);
  await platform.members(['late']);
  expect(await exported(job)).toEqual(['a']);
  expect(await exported(await platform.kickOff())).toEqual(['a']);
});
