import { expect, it } from 'vitest';
import type { Blobs } from '@provider-access/engines/blob';
import { Gate, interfered } from './faults.ts';
import { Platform } from './harness.ts';
import { bundle, groupsOf, match, namesOf, PAYER, TestFinder } from './match-requests.ts';

it('M19 a Consent that is entered in error ends what an earlier match opens that still runs', async () => {
  let chunk: Gate | undefined;
  const config = {
    ...{ kickOffsPerHour: 1000, runningPerClient: 20, payerIdentifiers: [PAYER] },
    finder: new TestFinder({ a: 'mem-a', b: 'mem-b' }),
  };
  const wrap = (blobs: Blobs): Blobs =>
    interfered(blobs, (action, name) => (action === 'put' && name.includes('chunk.json') ? chunk?.pass() : undefined));
  const platform = await Platform.start(config, wrap);
  try {
    // One process holds the earlier match back, and the other one does the later match.
    await platform.another(config, wrap);
    await platform.client('c1');
    await platform.members(['mem-a', 'mem-b'], { group: 'g-else', provider: 'npi|1245319599' });
    await platform.resources(['mem-a', 'mem-b'].map((member) => ({ member, type: 'Patient', id: member })));
    const held = (chunk = new Gate());
    const earlier = await match(platform, bundle(1, { subscriber: 'a' }), bundle(2, { subscriber: 'b' }));
    await held.reached;
    chunk = undefined;
    const later = await match(platform, bundle(1, { subscriber: 'a', status: 'entered-in-error' }));
    await groupsOf(platform, later);
    held.letThrough();
    const { match: opened } = await groupsOf(platform, earlier);
    expect(namesOf(opened!)).toEqual(['Patient/mem-b']);
    const exported = await platform.kickOff('?_type=Patient', { token: await platform.token('c1'), group: opened!.id });
    const { Patient } = await platform.lines(await platform.manifest(exported));
    expect(Patient!.map(({ id }) => id)).toEqual(['mem-b']);
  } finally {
    await platform.dispose();
  }
});
