import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PlatformProcess } from '@provider-access/cli';
import { npiOf } from '@provider-access/synthetic';
import { describeUnless } from './describe-unless.ts';
import { type Fresh, freshPlatform, registerApp, SHARED } from './harness.ts';
import { memberOf, publishTaken } from './payers.ts';
import { findGroup, http, kickOff, payerEvent, sealed, texts } from './road.ts';

const HOSPITAL = { npi: npiOf(randomInt(1e8)), members: 240 };
const PRACTICE = { npi: npiOf(randomInt(1e8)), members: 5 };
/** So many chunks as members, and one worker that writes them. */
const ENV = { EXPORT_CHUNK_MEMBERS: '1', EXPORT_WRITERS: '1', EXPORT_POLLS_PER_MINUTE: '1000000' };

describeUnless(SHARED && 'other scenarios use the platform', 'a small practice and a hospital', () => {
  let fresh: Fresh;
  let platform: PlatformProcess;
  const chunksWritten = async (status: string, token: string): Promise<number> => {
    const answer = await http(status, { token });
    if (answer.status === 200) return HOSPITAL.members;
    expect(answer.status).toBe(202);
    return Number(/^(\d+) member/.exec(String(answer.headers['x-progress']))?.[1] ?? 0);
  };

  beforeAll(async () => {
    fresh = await freshPlatform({ env: ENV });
    platform = fresh.platform();
    await publishTaken(
      platform,
      ...[HOSPITAL, PRACTICE].flatMap(({ npi, members }, at) => [
        payerEvent('payer.network-status-changed.v1', npi, { npi, status: 'in-network', from: '2020-01-01' }),
        ...Array.from({ length: members }, (_, i) => memberOf(`fair-${at}-${i}`, { npi })).flat(),
      ]),
    );
  });
  afterAll(() => fresh?.dispose());

  test('E75: the practice has its files while most of the hospital still waits, and both are whole', async () => {
    const [hospital, practice] = await Promise.all(
      [HOSPITAL, PRACTICE].map(async ({ npi }) => {
        const app = await registerApp(platform, { name: `App ${npi}`, npi });
        const token = await app.tokens.get();
        return { token, group: (await findGroup(platform, token, npi)).id };
      }),
    );
    const large = await kickOff(platform, hospital!.token, hospital!.group);
    const small = await kickOff(platform, practice!.token, practice!.group);
    const manifest = await sealed(small, practice!.token);
    // Each of the practice's five chunks waited for one of the hospital's, and not for all that were there before.
    expect(await chunksWritten(large, hospital!.token)).toBeLessThan(HOSPITAL.members);
    expect((await texts(manifest, practice!.token)).get('Patient')!.trim().split('\n')).toHaveLength(PRACTICE.members);
    const whole = await texts(await sealed(large, hospital!.token), hospital!.token);
    expect(whole.get('Patient')!.trim().split('\n')).toHaveLength(HOSPITAL.members);
  });
});
