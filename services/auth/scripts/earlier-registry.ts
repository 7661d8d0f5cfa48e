import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { recordsFrom } from '@provider-access/engines/log';
import { openEmbeddedLog } from '@provider-access/engines/log/embedded';
import { PA_REGISTRY, textOf } from '@provider-access/events';

/**
 * Writes what an earlier build makes of a few apps into `test/earlier/registry.jsonl`: one record of pa.registry a
 * line. Argument: the folder of that build, with its `dist`. `e2e/cluster/BASE` names its commit.
 */

const OUT = join(import.meta.dirname, '../test/earlier/registry.jsonl');
const [build] = process.argv.slice(2);
if (build === undefined) throw new Error('name the folder of the earlier build');
const folder = mkdtempSync(join(tmpdir(), 'earlier-registry-'));
const dataDir = join(folder, 'data');
const PORT = 38_471;
const base = `http://127.0.0.1:${PORT}`;

async function started(): Promise<() => Promise<void>> {
  const env = { ...process.env, PORT: String(PORT), HOST: '127.0.0.1', DATA_DIR: dataDir, LOG_LEVEL: 'warn' };
  const child = spawn(process.execPath, [join(build!, 'services/standalone/dist/main.js')], { env, stdio: 'inherit' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const isReady = (): Promise<boolean> =>
    fetch(`${base}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isReady())) await pause(200);
  return async () => {
    child.kill('SIGTERM');
    await ended;
  };
}
async function send(path: string, body?: unknown): Promise<Record<string, unknown>> {
  const token = readFileSync(join(dataDir, 'administrator.token'), 'utf8').trim();
  // Each record has a time of its own.
  await pause(20);
  const answer = await fetch(base + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Record<string, unknown>;
}
async function registered(name: string, npi: string): Promise<(what: string, body: object) => Promise<unknown>> {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES384', use: 'sig' }] };
  const contacts = ['mailto:dev@app.example'];
  const scope = 'system/Patient.rs system/Coverage.rs';
  const app = await send('/auth/register', { client_name: name, jwks, scope, contacts, npi });
  return (what, body) => send(`/auth/clients/${String(app['client_id'])}/${what}`, body);
}
const bound = (...npis: readonly string[]) => ({ identifiers: npis.map((npi) => ({ npi, evidence: `About ${npi}` })) });

let stop = await started();
try {
  await registered('Waits', '1234567893');
  await (
    await registered('Rejected', '1234567893')
  )('reject', { reason: 'No contract' });

  const approved = await registered('Approved', '1234567893');
  const tin = { tin: '123456789', evidence: 'W-9' };
  await approved('approve', { identifiers: [...bound('1234567893').identifiers, tin], reason: 'Contract 7' });
  await approved('approve', { ...bound('1234567893', '1245319599'), scope: 'system/Patient.rs' });

  const suspended = await registered('Suspended', '1679576722');
  await suspended('approve', bound('1679576722'));
  await suspended('suspend', { reason: 'Its key was lost' });

  const back = await registered('Back', '1992999825');
  await back('approve', bound('1992999825'));
  await back('suspend', { reason: 'Questions' });
  await back('approve', { reason: 'Answered' });

  // The first key is withdrawn after the second one has taken over.
  const { signing } = await send('/auth/signing-keys');
  await stop();
  rmSync(join(dataDir, 'token-signing-keys.json'));
  stop = await started();
  await send(`/auth/signing-keys/${String(signing)}/withdraw`, {});
} finally {
  await stop();
}

const log = openEmbeddedLog({ file: join(dataDir, 'log.db') });
const lines: string[] = [];
for (let partition = 0; partition < (await log.partitions(PA_REGISTRY)); partition++)
  for await (const record of recordsFrom(log, PA_REGISTRY, partition)) {
    const { offset, timestamp, key, headers } = record;
    lines.push(JSON.stringify({ partition, offset, timestamp, key, headers, value: textOf(record) }));
  }
await log.close();
writeFileSync(OUT, `${lines.join('\n')}\n`);
rmSync(folder, { recursive: true });
process.stdout.write(`${lines.length} records\n`);
