import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cached, cacheKey, has, run } from './cache.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'provider-access-cache-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the cache of engines', () => {
  test('is keyed by version, system and architecture', () => {
    expect(cacheKey('kafka', '4.3.1')).toBe(`kafka-4.3.1-${process.platform}-${process.arch}`);
  });

  test('makes a thing once for several who want it at once', async () => {
    let made = 0;
    const target = join(folder, 'once');
    const make = async (temporary: string) => {
      made += 1;
      await new Promise((resolve) => setImmediate(resolve));
      writeFileSync(temporary, 'whole');
    };
    expect(await Promise.all([cached(target, make), cached(target, make), cached(target, make)])).toEqual([
      target,
      target,
      target,
    ]);
    expect([made, readFileSync(target, 'utf8')]).toEqual([1, 'whole']);
  });

  test('is never half there: a failure leaves nothing, and the next one starts anew', async () => {
    const target = join(folder, 'half');
    const broken = cached(target, async (temporary) => {
      mkdirSync(temporary);
      writeFileSync(join(temporary, 'part'), '');
      throw new Error('network away');
    });
    await expect(broken).rejects.toThrow('network away');
    expect(readdirSync(folder).filter((name) => name.startsWith('half'))).toEqual([]);
    await cached(target, async (temporary) => writeFileSync(temporary, 'whole'));
    expect(existsSync(target)).toBe(true);
  });

  test('takes over from a process that died while it made it', async () => {
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    const target = join(folder, 'orphaned');
    mkdirSync(`${target}.lock`);
    writeFileSync(join(`${target}.lock`, 'pid'), String(dead.pid));
    await cached(target, async (temporary) => writeFileSync(temporary, 'whole'));
    expect(readFileSync(target, 'utf8')).toBe('whole');
  });

  test('repeats the output of a program that failed', async () => {
    await expect(run(process.execPath, ['-e', 'console.error("no such crate"); process.exit(3)'])).rejects.toThrow(
      /failed \(3\):\nno such crate/,
    );
    expect(has('no-such-program-at-all')).toBe(false);
  });
});
