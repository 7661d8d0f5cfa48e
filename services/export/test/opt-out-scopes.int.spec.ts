import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PA_CONSENT } from '@provider-access/events';
import { Gate, interfered, type Interference } from './faults.ts';
import { NPI, Platform } from './harness.ts';

/**
 * The truth table of PEOPLE.md (N2 to N7) at the gates inside an export: chunk, seal and download. P is the practice
 * with this NPI, of which no specialty is known. `e2e/src/opt-out-scopes.e2e.spec.ts` has the other gates.
 */
interface Row {
  readonly what: string;
  readonly out?: object;
  readonly permit: boolean;
}
const ROWS: readonly Row[] = [
  { what: 'N1 no statement', permit: true },
  { what: 'N2 global', out: { scope: 'global' }, permit: false },
  { what: 'N4 a scope that nobody knows', out: { scope: 'family' }, permit: false },
  { what: 'N2 this practice', out: { scope: 'provider-specific', targets: [NPI] }, permit: false },
  { what: 'N4 no target', out: { scope: 'provider-specific', targets: [] }, permit: false },
  { what: 'N2 another practice', out: { scope: 'provider-specific', targets: ['npi|1000000012'] }, permit: true },
  { what: 'N5 treatment, or no purpose', out: { scope: 'purpose-specific' }, permit: false },
  { what: 'N5 payment', out: { scope: 'purpose-specific', purposes: ['HPAYMT'], bars: 'nobody' }, permit: true },
  { what: 'N6 this payer, or none', out: { scope: 'payer-specific' }, permit: false },
  { what: 'N6 another payer', out: { scope: 'payer-specific', payers: ['urn:x|1'], bars: 'nobody' }, permit: true },
  {
    what: 'N7 a category, while the specialty of this practice is unknown',
    out: { scope: 'provider-category', categories: ['207RC0000X'] },
    permit: false,
  },
];
const memberOf = (at: number): string => `m${String(at).padStart(2, '0')}`;
const MEMBERS = ROWS.map((_, at) => memberOf(at));
const PERMITTED = ROWS.flatMap(({ permit }, at) => (permit ? [memberOf(at)] : []));

describe('R14: every scope of an opt-out, inside an export', () => {
  let platform: Platform;
  let interference: Interference = () => undefined;
  beforeEach(async () => {
    interference = () => undefined;
    // One chunk, so that it is written as a whole before the seal.
    platform = await Platform.start({ chunkMembers: MEMBERS.length }, (blobs) =>
      interfered(blobs, (action, name) => interference(action, name)),
    );
    await platform.client('c1');
    await platform.group();
    await platform.members(MEMBERS);
    await platform.resources(MEMBERS.map((member) => ({ member, type: 'Patient', id: member })));
  });
  afterEach(() => platform.dispose());

  const state = async (): Promise<void> => {
    const at = new Date(platform.clock.now() - 1).toISOString();
    const said = ROWS.flatMap(({ out }, n) => (out === undefined ? [] : [{ out, member: memberOf(n) }]));
    await platform.append(
      PA_CONSENT,
      said.map(({ out, member }) => ({
        type: 'pa.opted-out.v1',
        subject: member,
        data: { member, effective: at, businessTime: at, setBy: 'member', ...out },
      })),
    );
  };
  const held = (where: (name: string) => boolean): Gate => {
    const gate = new Gate();
    let once = false;
    interference = async (action, name) => {
      if (action !== 'put' || once || !where(name)) return;
      once = true;
      await gate.pass();
    };
    return gate;
  };
  const idsIn = async (job: string): Promise<string[]> => {
    const manifest = await platform.manifest(job);
    const ids = Object.values(await platform.lines(manifest))
      .flat()
      .map(({ id }) => id);
    expect(manifest.output.reduce((n, { count }) => n + count, 0)).toBe(ids.length);
    return ids.toSorted();
  };

  it.each<[string, ((name: string) => boolean) | undefined]>([
    ['chunk: the statements come between the kick-off and the first chunk', (name) => name.includes('/plan/')],
    ['seal: the statements come when all chunks are written', (name) => name.endsWith('chunk.json')],
    ['download: the statements come after the seal', undefined],
  ])('%s', async (_gate, where) => {
    const hold = where && held(where);
    const job = await platform.kickOff();
    if (hold === undefined) expect(await idsIn(job)).toEqual(MEMBERS);
    await hold?.reached;
    await state();
    hold?.letThrough();
    expect(await idsIn(job)).toEqual(PERMITTED);
  });
});
