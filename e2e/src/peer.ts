import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { FhirResource } from '@provider-access/fhir';
import { eventually, freePort } from '@provider-access/testing';
import { foreignFolder } from './foreign-data.ts';
import { http, json } from './road.ts';

const shared = foreignFolder() && dirname(dirname(foreignFolder()!));
const source = shared && join(shared, 'tools/bulk-data-server/source.tgz');
/** Whether the source of smart-on-fhir/bulk-data-server is in `shared` of a folder above the checkout. */
export const HAS_PEER: boolean = source !== undefined && existsSync(source);

/** The settings stand in its path: files of 10,000 lines, no pretended work, the data once. */
const SETTINGS = Buffer.from(JSON.stringify({ err: '', page: 10_000, dur: 0, tlt: 15, m: 1, stu: 4 })).toString(
  'base64url',
);

/** Unpacks and installs the peer once, with the SQLite that npm compiles for it. @returns the folder */
function built(): string {
  const cache = process.env['PROVIDER_ACCESS_CACHE'] ?? join(homedir(), '.cache/provider-access');
  const folder = join(cache, `bulk-data-server-5df455a-node${process.versions.node.split('.')[0]}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'bulk-data-server-'));
  const run = (command: string, ...args: string[]): unknown =>
    execFileSync(command, args, { cwd: work, stdio: ['ignore', 'ignore', 'inherit'] });
  run('tar', 'xzf', source!);
  run('npm', 'install', '--omit=dev', '--no-audit', '--no-fund');
  renameSync(work, folder);
  return folder;
}

/** What a request of {@link Peer.exportOf} has. */
export interface PeerRequest {
  /** Parameters of the kick-off. One that is given again stands twice. */
  readonly query?: readonly (readonly [name: string, value: string])[];
  /** Ids of Patients. With any the request is a POST. */
  readonly patients?: readonly string[];
}
/** A bulk data server that this project did not write, with the lines of one of our exports. */
export interface Peer {
  readonly pid: number;
  readonly base: string;
  /** @returns the URLs of the files of an export. @throws Error with the answer if the kick-off is refused */
  filesOf(request: PeerRequest): Promise<string[]>;
  /** @returns what an export gives, by `Type/id`. @throws Error with the answer if the kick-off is refused */
  exportOf(request: PeerRequest): Promise<Map<string, FhirResource>>;
  stop(): void;
}

/** @param files folder of the `*.gz` files that `pa export` wrote */
export async function startPeer(files: string): Promise<Peer> {
  const folder = built();
  // A copy of its own: it keeps jobs and the database beside its source.
  const own = mkdtempSync(join(tmpdir(), 'provider-access-peer-'));
  for (const name of readdirSync(folder)) {
    if (name === 'node_modules') symlinkSync(join(folder, name), join(own, name));
    else execFileSync('cp', ['-r', join(folder, name), own]);
  }
  mkdirSync(join(own, 'jobs'), { recursive: true });
  // It answers 60 requests a minute, and then blocks the address for five.
  const limited = join(own, 'lib.ts');
  writeFileSync(limited, readFileSync(limited, 'utf8').replace(/requestLimit = .*,/, 'requestLimit = 1_000_000,'));
  execFileSync('python3', [join(dirname(source!), 'load.py'), files, join(own, 'database.r4.db')]);
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const server = spawn(process.execPath, [join(own, 'node_modules/ts-node/dist/bin.js'), '--transpile-only', '.'], {
    cwd: own,
    env: { PATH: process.env['PATH'], PORT: String(port), BASE_URL: base, NODE_ENV: 'development' },
    stdio: 'ignore',
  });
  await eventually(async () => (await http(`${base}/fhir/metadata`)).status === 200);
  const accept = 'application/fhir+json';
  async function filesOf({ query = [], patients = [] }: PeerRequest): Promise<string[]> {
    const parameter = [
      ...query.map(([name, valueString]) => ({ name, valueString })),
      ...patients.map((id) => ({ name: 'patient', valueReference: { reference: `Patient/${id}` } })),
    ];
    const kickOff = await http(`${base}/${SETTINGS}/fhir/Group/bench/$export`, {
      method: 'POST',
      headers: { accept, 'content-type': accept, prefer: 'respond-async' },
      body: JSON.stringify({ resourceType: 'Parameters', parameter }),
    });
    if (kickOff.status !== 202) throw new Error(`${kickOff.status}: ${String(kickOff.body)}`);
    const manifest = await eventually(async () => {
      const status = await http(String(kickOff.headers['content-location']), { headers: { accept } });
      if (status.status === 202) return false;
      return json<{ readonly output: readonly { readonly url: string }[] }>(status);
    });
    return manifest.output.map(({ url }) => url);
  }
  return {
    pid: server.pid!,
    base,
    filesOf,
    async exportOf(request) {
      const found = new Map<string, FhirResource>();
      for (const url of await filesOf(request)) {
        for (const line of String((await http(url, {})).body).split('\n')) {
          if (line === '') continue;
          const resource = JSON.parse(line) as FhirResource;
          found.set(`${resource.resourceType}/${resource.id}`, resource);
        }
      }
      return found;
    },
    stop() {
      server.kill('SIGKILL');
      rmSync(own, { recursive: true, force: true });
    },
  };
}
