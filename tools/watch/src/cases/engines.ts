import { series, type CaseTable } from './case.ts';

const reachable = (engine: string, instance = 'a'): string => series('pa_engine_reachable', { engine }, instance);
const MIB = 1024 * 1024;
const free = (folder: string, instance = 'a'): string => series('pa_disk_free_bytes', { folder }, instance);
const kept = (folder: string, instance = 'a'): string => series('pa_disk_kept_free_bytes', { folder }, instance);
const failures = series('pa_log_append_failures_total', { topic: 'pa.audit' });

export const engineCases: CaseTable = {
  EngineAway: [
    {
      when: 'Kafka is away for all',
      series: {
        [reachable('kafka')]: '1x5 0x20',
        [reachable('kafka', 'b')]: '1x5 0x20',
        [reachable('mongodb')]: '1x25',
      },
      at: 9,
      fires: [{ labels: { engine: 'kafka' }, summary: 'kafka does not answer 2 processes' }],
    },
    {
      when: 'one process cannot reach MongoDB',
      series: { [reachable('mongodb')]: '0x20', [reachable('mongodb', 'b')]: '1x20' },
      at: 9,
      fires: [{ labels: { engine: 'mongodb' }, summary: 'mongodb does not answer 1 processes' }],
    },
    { when: 'an election takes a minute', series: { [reachable('mongodb')]: '1x5 0x1 1x20' }, at: 9, fires: [] },
  ],
  AppendsFail: [
    {
      when: 'Kafka says no',
      series: { [failures]: '0+6x30', [reachable('kafka')]: '1x30' },
      at: 15,
      fires: [{ labels: { topic: 'pa.audit' }, summary: 'Appends to pa.audit fail although Kafka answers' }],
    },
    {
      when: 'Kafka is away: another alert says so',
      series: { [failures]: '0+6x30', [reachable('kafka')]: '0x30' },
      at: 15,
      fires: [],
    },
    {
      when: 'one failed during a restart',
      series: { [failures]: '0x5 1x30', [reachable('kafka')]: '1x5 0x1 1x30' },
      at: 20,
      fires: [],
    },
  ],
  DiskNearlyFull: [
    {
      when: 'the data folder fills up',
      series: { [free('data')]: `${2048 * MIB}x5 ${512 * MIB}x20`, [kept('data')]: `${128 * MIB}x25` },
      at: 15,
      fires: [{ labels: { folder: 'data' }, summary: 'The disk of the data folder has 512MiB free' }],
    },
    {
      when: 'two processes share the disk of the files, and it fills up',
      series: {
        [free('files')]: `${256 * MIB}x20`,
        [free('files', 'b')]: `${256 * MIB}x20`,
        [kept('files')]: `${64 * MIB}x20`,
        [kept('files', 'b')]: `${64 * MIB}x20`,
      },
      at: 15,
      fires: [{ labels: { folder: 'files' }, summary: 'The disk of the files folder has 256MiB free' }],
    },
    {
      when: 'a small disk has room',
      series: { [free('data')]: `${1025 * MIB}x20`, [kept('data')]: `${128 * MIB}x20` },
      at: 15,
      fires: [],
    },
    {
      when: 'a temporary file goes again',
      series: { [free('data')]: `${2048 * MIB}x5 ${512 * MIB}x3 ${2048 * MIB}x20`, [kept('data')]: `${128 * MIB}x25` },
      at: 9,
      fires: [],
    },
    {
      when: 'the operator asks for no free bytes',
      series: { [free('data')]: `${MIB}x20`, [kept('data')]: '0x20' },
      at: 15,
      fires: [],
    },
  ],
};
