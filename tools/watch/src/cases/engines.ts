import { firesAt, silentAt, series, type CaseTable } from './case.ts';

const reachable = (engine: string, instance = 'a'): string => series('pa_engine_reachable', { engine }, instance);
const MIB = 1024 * 1024;
const free = (folder: string, instance = 'a'): string => series('pa_disk_free_bytes', { folder }, instance);
const kept = (folder: string, instance = 'a'): string => series('pa_disk_kept_free_bytes', { folder }, instance);
const failures = series('pa_log_append_failures_total', { topic: 'pa.audit' });

export const engineCases: CaseTable = {
  EngineAway: [
    firesAt(
      9,
      'Kafka is away for all',
      {
        [reachable('kafka')]: '1x5 0x20',
        [reachable('kafka', 'b')]: '1x5 0x20',
        [reachable('mongodb')]: '1x25',
      },
      { labels: { engine: 'kafka' }, summary: 'kafka does not answer 2 processes' },
    ),
    firesAt(
      9,
      'one process cannot reach MongoDB',
      { [reachable('mongodb')]: '0x20', [reachable('mongodb', 'b')]: '1x20' },
      { labels: { engine: 'mongodb' }, summary: 'mongodb does not answer 1 processes' },
    ),
    silentAt(9, 'an election takes a minute', { [reachable('mongodb')]: '1x5 0x1 1x20' }),
  ],
  AppendsFail: [
    firesAt(
      15,
      'Kafka says no',
      { [failures]: '0+6x30', [reachable('kafka')]: '1x30' },
      { labels: { topic: 'pa.audit' }, summary: 'Appends to pa.audit fail although Kafka answers' },
    ),
    silentAt(15, 'Kafka is away: another alert says so', { [failures]: '0+6x30', [reachable('kafka')]: '0x30' }),
    silentAt(20, 'one failed during a restart', { [failures]: '0x5 1x30', [reachable('kafka')]: '1x5 0x1 1x30' }),
  ],
  DiskNearlyFull: [
    firesAt(
      15,
      'the data folder fills up',
      { [free('data')]: `${2048 * MIB}x5 ${512 * MIB}x20`, [kept('data')]: `${128 * MIB}x25` },
      { labels: { folder: 'data' }, summary: 'The disk of the data folder has 512MiB free' },
    ),
    firesAt(
      15,
      'two processes share the disk of the files, and it fills up',
      {
        [free('files')]: `${256 * MIB}x20`,
        [free('files', 'b')]: `${256 * MIB}x20`,
        [kept('files')]: `${64 * MIB}x20`,
        [kept('files', 'b')]: `${64 * MIB}x20`,
      },
      { labels: { folder: 'files' }, summary: 'The disk of the files folder has 256MiB free' },
    ),
    silentAt(15, 'a small disk has room', { [free('data')]: `${1025 * MIB}x20`, [kept('data')]: `${128 * MIB}x20` }),
    silentAt(9, 'a temporary file goes again', {
      [free('data')]: `${2048 * MIB}x5 ${512 * MIB}x3 ${2048 * MIB}x20`,
      [kept('data')]: `${128 * MIB}x25`,
    }),
    silentAt(15, 'the operator asks for no free bytes', { [free('data')]: `${MIB}x20`, [kept('data')]: '0x20' }),
  ],
};
