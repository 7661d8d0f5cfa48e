import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { Command } from 'commander';
import { benchBuilds, benchBuildsOnEngines } from './builds.ts';
import { benchBytes, printBytes } from './bytes.ts';
import { benchDemo } from './demo.ts';
import { benchEngines, printEngines } from './engines.ts';
import { benchGrowth } from './growth.ts';
import { benchIdle } from './idle.ts';
import { benchNewcomer } from './newcomer.ts';
import { benchPeer } from './peer.ts';
import { benchReads } from './reads.ts';
import { benchRecovery, printRecovery } from './recovery.ts';
import { printComparisons } from './rounds.ts';
import { printRows } from './rows.ts';
import { benchSearch, printSearch } from './search.ts';
import { benchStandalone } from './standalone.ts';
import { benchStarts } from './starts.ts';
import { benchTelemetry, printTelemetry } from './telemetry.ts';

const list = (text: string): number[] => text.split(',').map(Number);
const program = new Command('bench')
  .option(
    '--engines',
    'separate processes on Kafka and a MongoDB-compatible server beside the standalone; brings them up unless ' +
      'KAFKA_BROKERS and MONGODB_URI name some',
  )
  .option(
    '--telemetry',
    'what metrics, request logs and traces cost: platforms that differ in that alone, loaded in turn',
  )
  .option(
    '--starts',
    "from the image's files on real engines: start, stop and memory of each service beside a bare Nest application",
  )
  .option('--newcomer', 'the minutes from a clone to the first NDJSON files, on a machine with an empty home')
  .option('--search', 'what searches cost in a store of 200 and of 20,000 members')
  .option('--idle', 'CPU of the five services and the engines without traffic')
  .option(
    '--bytes',
    'what is kept of each resource, by topic, view and index; with --engines on Kafka and a MongoDB-compatible server',
  )
  .option('--claims', 'with --bytes: claims of 17 to 35 kB instead of those of the demo')
  .option('--growth', 'what an event costs in a store of 5,000 members, beside one of 200')
  .option('--demo', 'with --against: CPU of the whole demo of 2,000 members, beside that of the other build')
  .option('--reads', 'CPU of a single read beside bare Fastify in a process of its own, in the same rounds')
  .option('--peer', 'CPU of an export with its download beside bulk-data-server, in the same rounds')
  .option('--build <folder>', 'with --idle, --bytes, --peer and --reads: another build')
  .option(
    '--against <build>',
    'what events, reads, pages, counts and exports cost beside another build: a folder, the full id of a commit, or ' +
      '"baseline" (7407a45); with --engines intake, a read and a page on Kafka and a MongoDB-compatible server',
  )
  .option('--same-node', 'with --against: both builds with the Node of this one, not each with its own')
  .option('--runs <n>', 'with --starts: how often each is started', Number, 5)
  .option(
    '--rounds <n>',
    'with --telemetry, --peer, --reads, --growth, --demo and --against: how often each is loaded',
    Number,
    7,
  )
  .option(
    '--members <n>',
    'members of the synthetic payer (400; with --engines and --starts 25, with --telemetry and --reads 60)',
    Number,
  )
  .option('--seconds <n>', 'of each load', Number, 8)
  .option(
    '--partitions <list>',
    'with --engines: numbers of partitions for which intake is measured beside the usual 4',
    list,
    [1, 8],
  )
  .option(
    '--recovery',
    'time from the loss of a broker, or of MongoDB, until all is answered again; brings its own engines up',
  )
  .option('--small', 'a quick pass: 25 members, 2 s; with --engines 4 members, 4 partitions')
  .option('--json <file>', 'write the figures as JSON');
program.parse();
const given = program.opts<{
  engines?: boolean;
  telemetry?: boolean;
  recovery?: boolean;
  starts?: boolean;
  newcomer?: boolean;
  idle?: boolean;
  search?: boolean;
  bytes?: boolean;
  claims?: boolean;
  growth?: boolean;
  demo?: boolean;
  reads?: boolean;
  peer?: boolean;
  build?: string;
  against?: string;
  sameNode?: boolean;
  runs: number;
  rounds: number;
  members?: number;
  seconds: number;
  partitions: number[];
  small?: boolean;
  json?: string;
}>();
const small = given.small === true;
const sameNode = given.sameNode === true;
const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };

let figures: object;
if (given.recovery === true) {
  const results = await benchRecovery();
  printRecovery(results);
  figures = { results };
} else if (given.bytes === true) {
  const results = await benchBytes({
    members: given.members ?? (small ? 4 : 100),
    build: given.build,
    engines: given.engines === true,
    largeClaims: given.claims === true,
  });
  printBytes(results);
  figures = { results };
} else if (given.search === true) {
  const stores = { small: 200, large: small ? 2_000 : (given.members ?? 20_000) };
  const results = await benchSearch({ ...stores, seconds: small ? 1 : given.seconds });
  printSearch(results, stores);
  figures = { results };
} else if (given.reads === true) {
  const results = await benchReads({
    members: given.members ?? (small ? 10 : 60),
    seconds: small ? 1 : given.seconds,
    rounds: small ? 2 : given.rounds,
    build: given.build,
  });
  printComparisons(results);
  figures = { results };
} else if (given.peer === true) {
  const results = await benchPeer({
    members: given.members ?? (small ? 10 : 60),
    rounds: small ? 2 : given.rounds,
    build: given.build,
  });
  printComparisons(results);
  figures = { results };
} else if (given.growth === true) {
  const results = await benchGrowth({
    members: given.members ?? (small ? 400 : 5_000),
    rounds: small ? 2 : given.rounds,
  });
  printComparisons(results);
  figures = { results };
} else if (given.demo === true) {
  const rows = await benchDemo({
    against: given.against ?? 'baseline',
    sameNode,
    members: given.members ?? (small ? 25 : 2_000),
    rounds: small ? 1 : given.rounds,
  });
  printRows(rows);
  figures = { rows };
} else if (given.against !== undefined) {
  const onEngines = given.engines === true;
  const results = await (onEngines ? benchBuildsOnEngines : benchBuilds)({
    against: given.against,
    sameNode,
    members: given.members ?? (small ? (onEngines ? 4 : 10) : onEngines ? 25 : 400),
    seconds: small ? 1 : given.seconds,
    rounds: small ? 2 : given.rounds,
  });
  printComparisons(results);
  figures = { results };
} else if (given.engines === true) {
  const results = await benchEngines({
    members: given.members ?? (small ? 4 : 25),
    seconds: small ? 2 : given.seconds,
    partitions: small ? [] : given.partitions,
    small,
  });
  printEngines(results);
  figures = { results };
} else if (given.telemetry === true) {
  const results = await benchTelemetry({
    members: given.members ?? (small ? 10 : 60),
    seconds: small ? 1 : given.seconds,
    rounds: small ? 2 : given.rounds,
  });
  printTelemetry(results);
  figures = { results };
} else if (given.starts === true) {
  const rows = await benchStarts({
    runs: small ? 1 : given.runs,
    members: given.members ?? (small ? 4 : 25),
    seconds: small ? 2 : given.seconds,
  });
  printRows(rows);
  figures = { rows };
} else if (given.newcomer === true) {
  const rows = await benchNewcomer();
  printRows(rows);
  figures = { rows };
} else if (given.idle === true) {
  const rows = await benchIdle({ seconds: small ? 5 : 30, build: given.build });
  printRows(rows);
  figures = { rows };
} else {
  const rows = await benchStandalone({
    ...(small ? { members: 25, seconds: 2 } : { members: given.members ?? 400, seconds: given.seconds }),
    starts: 3,
    optOuts: 200,
  });
  printRows(rows);
  figures = { rows };
}
if (given.json !== undefined) writeFileSync(given.json, `${JSON.stringify({ machine, ...figures }, null, 2)}\n`);
