import { constants, gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AccessEnded } from '@provider-access/service/http';
import { cases } from '@provider-access/testing/search';
import { begin, filesOf, FORM_NAMES, membersIn, populate, startForms, streamOf } from './forms.ts';
import type { Platform } from './harness.ts';

const KIB_64 = 64 * 1024;
/** More than a decision is valid for while its bytes are sent, ms. */
const SLOW_MS = 1_000;
const CODINGS = ['identity', 'gzip'] as const;
type CodingName = (typeof CODINGS)[number];
/** `npm test` takes every 64 KB of the bytes without gzip, the suite `properties` also of those with gzip. */
const TAKEN = CODINGS.slice(0, cases(1) > 1 ? 2 : 1);
/** An entry of the list is small, so the list has many. The other files have documents. */
const MEMBERS = {
  list: Array.from({ length: 600 }, (_, n) => `m${String(n).padStart(4, '0')}`),
  organized: ['m1', 'm2', 'm3', 'm4'],
  filtered: ['m1', 'm2', 'm3', 'm4'],
} as const;

/** What a client has of the bytes that it received, also of a part of them. */
const textOf = (bytes: Buffer, coding: CodingName): string =>
  (coding === 'gzip' && bytes.length > 0
    ? gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH })
    : bytes
  ).toString();

describe.each(FORM_NAMES)('an opt-out after every 64 KB of the download of a file that is %s', (form) => {
  const members = MEMBERS[form];
  let platform: Platform;
  let url: string;
  let later = 0;
  beforeAll(async () => {
    platform = await startForms({ chunkMembers: 250 });
    await populate(platform, members, form === 'list' ? { documents: 0, bytes: 0 } : { documents: 4, bytes: 60_000 });
    [url] = filesOf(form, await platform.manifest(await begin(platform, form))) as [string];
  });
  beforeEach(() => {
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + later);
  });
  afterEach(() => void vi.restoreAllMocks());
  afterAll(() => platform.dispose());

  const optOut = async (member: string): Promise<void> => {
    platform.clock.offset += 1000;
    await platform.optOut(member);
    later += SLOW_MS;
  };
  const optIn = async (member: string): Promise<void> => {
    platform.clock.offset += 1000;
    await platform.optIn(member);
  };
  it.each(TAKEN)('E55, E63: sends nothing more of the member, up to the end (%s)', async (coding) => {
    const whole = await (
      await streamOf(platform, url, coding)
    )
      .toArray()
      .then((parts) => Buffer.concat(parts as Buffer[]));
    expect(membersIn(textOf(whole, coding))).toEqual(members);
    let steps = 0;
    let cut = 0;
    for (let sent = 0; sent < whole.length; sent += KIB_64) {
      // The member who comes next, and the last one.
      const got = membersIn(textOf(whole.subarray(0, sent + 2 * KIB_64), coding)).length;
      for (const leaver of new Set([members[Math.min(got, members.length - 1)]!, members.at(-1)!])) {
        steps += 1;
        const stream = await streamOf(platform, url, coding);
        const iterator = stream[Symbol.asyncIterator]();
        const parts: Buffer[] = [];
        // The first bytes are ready before anybody asks for them.
        for (let received = 0; received < Math.max(sent, 1);) {
          const { value } = await iterator.next();
          parts.push(value as Buffer);
          received += (value as Buffer).length;
        }
        await optOut(leaver);
        // What the stream had read ahead was decided before.
        const ahead = Buffer.concat(parts).length + stream.readableLength;
        let ended: unknown;
        try {
          for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
            parts.push(next.value as Buffer);
        } catch (error) {
          ended = error;
        }
        const body = Buffer.concat(parts);
        expect([sent, leaver, body.equals(whole.subarray(0, body.length))]).toEqual([sent, leaver, true]);
        const before = textOf(whole.subarray(0, ahead), coding).split(`/${leaver}"`).length;
        expect([sent, leaver, textOf(body, coding).split(`/${leaver}"`).length]).toEqual([sent, leaver, before]);
        const isLater = textOf(whole, coding).split(`/${leaver}"`).length > before;
        if (isLater) expect(ended).toBeInstanceOf(AccessEnded);
        if (ended !== undefined) cut += 1;
        await optIn(leaver);
      }
    }
    expect(steps).toBeGreaterThanOrEqual(whole.length / KIB_64);
    expect(cut).toBeGreaterThan(steps / 2);
  });
});
