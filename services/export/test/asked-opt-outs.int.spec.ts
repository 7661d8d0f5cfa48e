import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cases } from '@provider-access/testing/search';
import { searchKeys } from '@provider-access/records';
import { Gate, interfered, type Interference } from './faults.ts';
import { GROUP, type ManifestBody, Platform } from './harness.ts';

/** Exports that ask for less or in another form. What each has of a member without anybody's opt-out. */
const KINDS: Readonly<Record<string, { readonly query: string; readonly types: readonly string[] }>> = {
  plain: { query: '', types: ['Patient', 'DocumentReference'] },
  'with a filter': {
    query: '?_typeFilter=DocumentReference%3Fstatus%3Dcurrent&_type=DocumentReference',
    types: ['DocumentReference'],
  },
  'with elements': { query: '?_elements=DocumentReference.content,status', types: ['Patient', 'DocumentReference'] },
  'with a filter and until': {
    query: '?_typeFilter=DocumentReference%3Fstatus%3Dcurrent&_until=2100-01-01T00:00:00Z',
    types: ['Patient', 'DocumentReference'],
  },
};
const MEMBERS = ['m1', 'm2', 'm3', 'm4'];
const NAMES = ['a', 'b', 'c', 'd'];
const KIB_64 = 64 * 1024;

/** From the opt-out on nothing of the member leaves, in whatever form an export was asked for (EXPORT.md, hostile). */
/** `npm test` takes one that filters, since access.int.spec.ts has the plain one; the suite `properties` takes all. */
const TAKEN = Object.entries(KINDS).filter(([kind]) => cases(1) > 1 || kind === 'with a filter and until');

describe.each(TAKEN)('an export %s', (_kind, { query, types }) => {
  let platform: Platform;
  let interference: Interference = () => undefined;
  beforeAll(async () => {
    const wrap = (blobs: Parameters<typeof interfered>[0]) => interfered(blobs, (...call) => interference(...call));
    platform = await Platform.start({ chunkMembers: 10 }, wrap, 'memory', [searchKeys]);
    await platform.client('c1');
    await platform.group();
    await platform.members(MEMBERS);
    await platform.resources(
      MEMBERS.flatMap((member) => [
        { member, type: 'Patient', id: member, resource: { resourceType: 'Patient', id: member } },
        // Not to be compressed, and more than the buffers of a connection hold before the last member comes.
        ...NAMES.map((name) => {
          const id = `${member}-${name}`;
          const content = [{ attachment: { data: randomBytes(500_000).toString('base64') } }];
          const subject = { reference: `Patient/${member}` };
          const resource = { resourceType: 'DocumentReference', id, status: 'current', subject, content };
          return { member, type: 'DocumentReference', id, resource };
        }),
      ]),
    );
    await platform.reader(searchKeys).waitFor(await platform.log.head(['pa.records']), 60_000);
  });
  afterAll(() => platform.dispose());

  const kickOff = (): Promise<string> => platform.kickOff(query, { group: GROUP });
  const idsIn = async (manifest: ManifestBody): Promise<string[]> =>
    Object.values(await platform.lines(manifest))
      .flat()
      .map(({ id }) => id)
      .toSorted();
  const all = (members: readonly string[]): string[] =>
    members
      .flatMap((member) => [
        ...(types.includes('Patient') ? [member] : []),
        ...NAMES.map((name) => `${member}-${name}`),
      ])
      .toSorted();

  it.each([
    ['kick-off and chunk', (name: string) => name.includes('/plan/')],
    ['chunk and seal', (name: string) => name.endsWith('chunk.json')],
  ])('has nobody who opted out between %s', async (_between, where) => {
    const gate = new Gate();
    let isHeld = false;
    interference = async (action, name) => {
      if (action !== 'put' || isHeld || !where(name)) return;
      isHeld = true;
      await gate.pass();
    };
    const job = await kickOff();
    await gate.reached;
    await platform.optOut('m2');
    gate.letThrough();
    interference = () => undefined;
    expect(await idsIn(await platform.manifest(job))).toEqual(all(['m1', 'm3', 'm4']));
    await platform.optIn('m2');
  });

  it('has nobody who opted out between seal and download, neither in its lines nor in its counts', async () => {
    const job = await kickOff();
    const before = await platform.manifest(job);
    expect(await idsIn(before)).toEqual(all(MEMBERS));
    await platform.optOut('m2');
    const after = await platform.manifest(job);
    expect(await idsIn(after)).toEqual(all(['m1', 'm3', 'm4']));
    const counted = (manifest: ManifestBody): number => manifest.output.reduce((sum, { count }) => sum + count, 0);
    expect(counted(after)).toBe(all(['m1', 'm3', 'm4']).length);
    await platform.optIn('m2');
  });

  it('ends a download after its first, second and sixteenth 64 KB, before it comes to the member', async () => {
    const of = 'DocumentReference';
    for (const stretches of [1, 2, 16]) {
      const sent = stretches * KIB_64;
      const job = await kickOff();
      const file = (await platform.manifest(job)).output.find((each) => each.type === of)!;
      const reader = (await platform.fetch(file.url)).body!.getReader();
      const parts: Buffer[] = [];
      let received = 0;
      while (received < sent) {
        const { value, done } = await reader.read();
        if (done) break;
        parts.push(Buffer.from(value));
        received += value.length;
      }
      await platform.optOut('m4');
      const rest = (async (): Promise<void> => {
        for (let next = await reader.read(); !next.done; next = await reader.read())
          parts.push(Buffer.from(next.value));
      })();
      await expect(rest).rejects.toThrow();
      expect(Buffer.concat(parts).includes('"m1-')).toBe(true);
      expect(Buffer.concat(parts).includes('"m4-')).toBe(false);
      await platform.optIn('m4');
    }
  });

  it('is gone after a cancel, while it is written and when it is sealed', async () => {
    const gate = new Gate();
    interference = async (action, name) => {
      if (action === 'put' && name.endsWith('chunk.json')) await gate.pass();
    };
    const running = await kickOff();
    await gate.reached;
    expect((await platform.fetch(running, { method: 'DELETE' })).status).toBe(202);
    gate.letThrough();
    interference = () => undefined;
    expect((await platform.fetch(running)).status).toBe(404);
    const sealed = await kickOff();
    const [file] = (await platform.manifest(sealed)).output;
    expect((await platform.fetch(sealed, { method: 'DELETE' })).status).toBe(202);
    expect([(await platform.fetch(sealed)).status, (await platform.fetch(file!.url)).status]).toEqual([404, 404]);
  });
});
