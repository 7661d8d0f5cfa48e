import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Platform } from './harness.ts';

const MEMBERS = ['m1', 'm2', 'm3'];

describe('in the middle of the download of an organized file', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await Platform.start();
    await platform.client('c1');
    await platform.group();
    await platform.members(MEMBERS);
    // Incompressible data of more than a stretch for each member.
    await platform.resources(
      MEMBERS.flatMap((member) => [
        { member, type: 'Patient', id: member },
        ...Array.from({ length: 8 }, (_, i) => ({
          member,
          type: 'DocumentReference',
          id: `${member}-${i}`,
          text: randomBytes(150_000).toString('base64'),
        })),
      ]),
    );
  });
  afterAll(() => platform.dispose());

  const KB = 1024;
  it.each([64, 320, 1024])(
    'E63: after %i KB an opt-out cuts the connection before the header of the block',
    async (read) => {
      const job = await platform.kickOff('?organizeOutputBy=Patient');
      const [file] = (await platform.manifest(job)).output;
      const response = await platform.fetch(file!.url);
      const reader = response.body!.getReader();
      let body = '';
      while (body.length < read * KB) body += Buffer.from((await reader.read()).value!).toString();
      platform.clock.offset += 1000;
      await platform.optOut('m3');
      const rest = (async (): Promise<void> => {
        for (let next = await reader.read(); !next.done; next = await reader.read())
          body += Buffer.from(next.value).toString();
      })();
      await expect(rest).rejects.toThrow();
      expect([body.includes('"Patient/m1"'), /["/]m3["-]/.test(body)]).toEqual([true, false]);
      platform.clock.offset += 1000;
      await platform.optIn('m3');
    },
  );
});
