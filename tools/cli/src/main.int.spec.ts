import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ExportPlatform } from '../test/export-platform.ts';
import { newKey } from './client/credentials.ts';

const key = JSON.stringify(await newKey('ES384'));
let platform: ExportPlatform;
let folder: string;
beforeEach(async () => {
  platform = new ExportPlatform();
  await platform.listen();
  platform.put('Patient-1', 'patients');
  folder = mkdtempSync(join(tmpdir(), 'provider-access-main-'));
  writeFileSync(join(folder, 'key.json'), key);
});
afterEach(async () => {
  await platform.close();
  rmSync(folder, { recursive: true });
});

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}
/** `pa export` as a process of its own, with a home of its own. */
function exporting(server: string, env: Record<string, string>): { pid: number; ended: Promise<Ran> } {
  const args = [
    'export',
    '--client',
    'app',
    '--key',
    join(folder, 'key.json'),
    '--group',
    'g',
    '--out',
    join(folder, 'out'),
  ];
  const node = ['--conditions=@provider-access/source', join(import.meta.dirname, 'main.ts'), '--server', server];
  const child = spawn(process.execPath, [...node, ...args], {
    env: { PATH: process.env['PATH'], HOME: folder, ...env },
  });
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.stderr += chunk));
  const ended = new Promise<Ran>((resolve) => child.on('close', (code) => resolve({ code, ...text })));
  return { pid: child.pid!, ended };
}

test('Ctrl-C says that the same command continues', async () => {
  const running: { pid?: number } = {};
  platform.interfere = () => {
    process.kill(running.pid!, 'SIGINT');
    return true;
  };
  const { pid, ended } = exporting(platform.base, {});
  running.pid = pid;
  const { code, stderr } = await ended;
  expect(code).toBe(130);
  expect(stderr).toContain('pa: Stopped. The export goes on at the server. Run the same command again');
  expect(stderr).not.toMatch(/^\s+at /m);
});

test('every request goes through the proxy of the environment, downloads too', async () => {
  const seen: string[] = [];
  const port = Number(new URL(platform.base).port);
  const proxy = createServer((request, response) => {
    // Node 26 asks a proxy for a URL of http, Node 24 for a tunnel.
    seen.push(`${request.method} ${request.url}`);
    const { pathname, search } = new URL(request.url!);
    const { method, headers } = request;
    const forwarded = httpRequest({ port, path: `${pathname}${search}`, method, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    request.pipe(forwarded);
  });
  proxy.on('connect', (request, socket, head) => {
    seen.push(`CONNECT ${request.url}`);
    const upstream = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    for (const each of [socket, upstream]) each.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  try {
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    // The name does not exist, so nothing but the proxy leads to the platform.
    const { code, stderr } = await exporting('http://platform.invalid', { HTTP_PROXY: address, NO_PROXY: '' }).ended;
    expect([code, stderr]).toEqual([0, expect.stringContaining('1 files')]);
    expect(seen.join('\n')).toContain('platform.invalid');
    expect(seen.some((line) => line.includes('/files/Patient-1') || line === `CONNECT 127.0.0.1:${port}`)).toBe(true);
  } finally {
    proxy.closeAllConnections();
    await new Promise<void>((resolve) => void proxy.close(() => resolve()));
  }
});
