import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NPI, recorded, observation, member, network, ndjson } from './bad-input-events.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publish, Server, type Item, type PlatformProcess } from '@provider-access/cli';
import { toStructured, type DomainEvent } from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import { variant } from '@provider-access/testing/variant';
import { freshPlatform, IN_CLUSTER, registerApp, SEPARATE, startPlatform } from './harness.ts';
import { findGroup, http, kickOff, optOut, sealed, tell, texts, type HttpAnswer } from './road.ts';

/** Input that does not fit: too large for the server, or for its disk. */
let fresh: Awaited<ReturnType<typeof freshPlatform>>;
const platform = (): PlatformProcess => fresh.platform();

const post = (body: string, type = 'application/x-ndjson', token = platform().payerToken): Promise<HttpAnswer> =>
  http(`${platform().base}/events`, { method: 'POST', token, headers: { 'content-type': type }, body });

beforeAll(async () => {
  fresh = await freshPlatform();
});
afterAll(() => fresh?.dispose());

describe('more than fits', () => {
  test('a JSON batch that is too large is 413 and says how', async () => {
    const answer = await post(`[${'{"x":"'.padEnd(1000, 'x')}"},`.repeat(17_000), 'application/cloudevents-batch+json');
    expect(answer.status).toBe(413);
    expect(answer.body.toString('utf8')).toMatch(/application\/x-ndjson/);
  });

  /**
   * 40 MB on each suite, which is more than the kernel and the client buffer: many small events, or fewer large ones.
   */
  const [count, padding] = variant.long ? [100_000, ''] : [10_000, 'x'.repeat(4000)];
  test.skipIf(IN_CLUSTER)(
    `${count} events in one stream: all accepted, memory bounded, no file for others to read (not through the ` +
      'ingress: where processes can be measured)',
    async () => {
      const dataDir = join(fresh.folder, 'stream');
      // The token file of an operator who forgot to restrict its mode.
      mkdirSync(dataDir, { mode: 0o755 });
      const watched = await startPlatform({ dataDir });
      try {
        const before = watched.memory();
        let peak = before;
        const watch = setInterval(() => (peak = Math.max(peak, watched.memory())), 100);
        let sent = 0;
        const answered = Promise.withResolvers<void>();
        const body = new ReadableStream<Uint8Array>({
          async pull(controller) {
            // The platform answers while it reads, so it does not hold the stream. The second half is sent after the
            // first answers.
            if (sent >= count / 2) await answered.promise;
            const lines: DomainEvent[] = [];
            for (const end = Math.min(count, sent + 500); sent < end; sent++)
              lines.push(optOut(`s${sent % 1000}`, { scope: 'global', padding }));
            controller.enqueue(Buffer.from(ndjson(...lines)));
            if (sent >= count) controller.close();
          },
        });
        const answer = await fetch(`${watched.base}/events`, {
          method: 'POST',
          headers: { authorization: `Bearer ${watched.payerToken}`, 'content-type': 'application/x-ndjson' },
          body,
          duplex: 'half',
        } as RequestInit);
        let accepted = 0;
        let tail = '';
        for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
          const lines = (tail + chunk).split('\n');
          tail = lines.pop()!;
          for (const line of lines)
            if (/"status":"(accepted|effective)"/.test(line)) accepted += 1;
            else if (line.includes('"summary"'))
              expect(JSON.parse(line)).toMatchObject({ summary: { complete: true, refused: 0 } });
          if (accepted > 0) answered.resolve();
        }
        clearInterval(watch);
        expect(answer.status).toBe(200);
        expect(accepted).toBe(count);
        console.log(
          `${count} events in one stream: memory ${Math.round(before / 1e6)} MB before, ${Math.round(peak / 1e6)} ` +
            'MB at most',
        );
        expect(peak).toBeLessThan(600e6);
        const readable = readdirSync(dataDir, { recursive: true, encoding: 'utf8' }).filter(
          (name) => (statSync(join(dataDir, name)).mode & 0o077) !== 0,
        );
        expect(readable).toEqual([]);
      } finally {
        await watched.kill();
      }
    },
  );
});

const MIB = 1024 * 1024;
/** A file system only for the files, so that it can be full. */
const mountable = ((): boolean => {
  const dir = mkdtempSync(join(tmpdir(), 'provider-access-mount-'));
  const mounted =
    process.platform === 'linux' &&
    process.getuid?.() === 0 &&
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir]).status === 0;
  if (mounted) spawnSync('umount', [dir]);
  rmSync(dir, { recursive: true, force: true });
  return mounted;
})();
if (!mountable) console.warn('SKIPPED: a full disk while exporting, since this process may not mount a tmpfs');

describe.skipIf(!mountable || IN_CLUSTER)(
  'the disk is full while an export runs (where a file system can be mounted; not in the cluster, whose files are ' +
    'in a bucket)',
  () => {
    const work = mkdtempSync(join(tmpdir(), 'provider-access-full-'));
    const files = join(work, 'data/files');
    let full: PlatformProcess;
    beforeAll(async () => {
      mkdirSync(files, { recursive: true, mode: 0o700 });
      expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=80m', 'tmpfs', files]).status).toBe(0);
      const env = { MIN_FREE_BYTES: String(8 * MIB) };
      full = await startPlatform({ dataDir: join(work, 'data'), ...(!SEPARATE && { env }) });
    });
    afterAll(async () => {
      await full?.kill();
      spawnSync('umount', [files]);
      rmSync(work, { recursive: true, force: true });
    });

    test('it waits, the rest of the platform works, and it ends whole when there is room again', async () => {
      const items = [
        network(NPI),
        ...member('m1'),
        ...Array.from({ length: 50 }, (_, i) => recorded('m1', observation(`d${i}`, 'm1'))),
      ].map((event): Item => ({ ok: true, line: JSON.stringify(toStructured(event)), event: event.id, about: '' }));
      await publish(items, { server: new Server(full.base), token: full.payerToken });
      const reader = await registerApp(full, { name: 'Clinic', npi: NPI });
      const token = await reader.tokens.get();
      const { id } = await findGroup(full, token, NPI);
      // The store keeps 64 MiB free; with this file it has less. In one process exports stop before the rest of the
      // platform does: 68 MiB are free then, which is less than MIN_FREE_BYTES and 64 MiB together.
      const ballast = join(files, 'ballast');
      writeFileSync(ballast, Buffer.alloc((SEPARATE ? 40 : 12) * MIB));
      const status = await kickOff(full, token, id);
      const waiting = await http(status, { token });
      expect(waiting.status).toBe(202);
      expect(waiting.headers['retry-after']).toMatch(/^\d+$/);
      await eventually(async () => {
        // Each of several processes has a line.
        const { status, body } = await http(`${full.base}/health/ready`);
        expect(status).toBe(200);
        expect(
          body
            .toString('utf8')
            .split('\n')
            .flatMap((line) => (JSON.parse(line) as { notices?: unknown[] }).notices ?? []),
        ).toContainEqual({ service: 'export', check: 'storage', detail: 'the file storage is full: exports wait' });
      });
      expect((await http(`${full.base}/fhir/Patient/m1`, { token })).status).toBe(200);
      expect((await tell(full, recorded('m1', observation('meanwhile', 'm1')))).status).toBe('accepted');
      rmSync(ballast);
      const found = await texts(await sealed(status, token), token);
      const ids = found
        .get('Observation')!
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id);
      // Events that were recorded meanwhile may be there. Earlier events are all there, once each.
      expect(ids.filter((d) => d !== 'meanwhile').sort()).toEqual(Array.from({ length: 50 }, (_, i) => `d${i}`).sort());
      expect(found.get('Patient')!.trim().split('\n')).toHaveLength(1);
    });
  },
);
