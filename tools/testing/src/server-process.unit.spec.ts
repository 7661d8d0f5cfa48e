import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isAlive } from './cache.ts';
import { eventually } from './eventually.ts';
import { ServerProcess } from './server-process.ts';

let folder: string;
const parents: ChildProcess[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'provider-access-servers-'));
});
afterAll(() => {
  for (const child of parents) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** A process that starts `sleep` as its server with a data folder, prints its process id, and continues with `then`. */
async function parent(then: string, detached = false): Promise<{ child: ChildProcess; server: number; data: string }> {
  const data = mkdtempSync(join(folder, 'data-'));
  writeFileSync(join(data, 'file'), '');
  const options = { name: 'sleep', command: 'sleep', args: ['1000'], logFile: join(folder, 'log'), temporary: data };
  const code = `import { ServerProcess } from ${JSON.stringify(join(import.meta.dirname, 'server-process.ts'))};
const server = ServerProcess.start(${JSON.stringify({ ...options, detached })});
process.stdout.write(String(server.pid));
${then}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'ignore'] });
  parents.push(child);
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, server: Number(chunk.toString()), data };
}

const gone = (pid: number): Promise<boolean> => eventually(() => !isAlive(pid));

describe('a server of the tests', () => {
  test('dies with a parent that is killed by kill -9, and its data go', async () => {
    const { child, server, data } = await parent('setInterval(() => {}, 1000);');
    expect(isAlive(server)).toBe(true);
    child.kill('SIGKILL');
    await gone(server);
    await eventually(() => !existsSync(data));
  });

  test('does not keep its parent up, and dies with it', async () => {
    const { child, server } = await parent('');
    await once(child, 'exit');
    await gone(server);
  });

  test('outlives its parent when it is to', async () => {
    const { child, server, data } = await parent('', true);
    await once(child, 'exit');
    expect([isAlive(server), existsSync(data)]).toEqual([true, true]);
    process.kill(server, 'SIGKILL');
    await gone(server);
  });

  test('that was stopped keeps its data', async () => {
    const { child, server, data } = await parent('await server.stop();');
    await once(child, 'exit');
    await gone(server);
    expect(existsSync(data)).toBe(true);
  });

  test('that ends while it starts: the error has its name and its output', async () => {
    const logFile = join(folder, 'failing.log');
    const server = ServerProcess.start({
      name: 'Broker 7',
      command: '/bin/sh',
      args: ['-c', 'echo port in use; exit 1'],
      logFile,
    });
    await expect(server.ready(() => false, 10_000)).rejects.toThrow(/Broker 7 ended while it started:\nport in use/);
    await server.stop();
  });

  test('that is not there, or is never ready', async () => {
    mkdirSync(join(folder, 'logs'), { recursive: true });
    const logFile = join(folder, 'logs', 'log');
    await expect(
      ServerProcess.start({ name: 'Nothing', command: join(folder, 'no-such-program'), args: [], logFile }).ready(
        () => false,
        10_000,
      ),
    ).rejects.toThrow('Nothing ended while it started');
    const slow = ServerProcess.start({ name: 'Slow', command: 'sleep', args: ['1000'], logFile });
    await expect(slow.ready(() => false, 50)).rejects.toThrow('Slow was not ready after 50 ms');
    expect(slow.alive).toBe(false);
  });
});
