import { series, type CaseTable } from './case.ts';

const reachable = (engine: string, instance = 'a'): string => series('pa_engine_reachable', { engine }, instance);
const failures = series('pa_log_append_failures_total', { topic: 'pa.audit' });

export const engineCases: CaseTable = {
  EngineAway: [
    { when: 'Kafka is away for all', series: { [reachable('kafka')]: '1x5 0x20', [reachable('kafka', 'b')]: '1x5 0x20', [reachable('mongodb')]: '1x25' }, at: 9, fires: [{ labels: { engine: 'kafka' }, summary: 'kafka does not answer 2 processes' }] },
    { when: 'one process cannot reach MongoDB', series: { [reachable('mongodb')]: '0x20', [reachable('mongodb', 'b')]: '1x20' }, at: 9, fires: [{ labels: { engine: 'mongodb' }, summary: 'mongodb does not answer 1 processes' }] },
    { when: 'an election takes a minute', series: { [reachable('mongodb')]: '1x5 0x1 1x20' }, at: 9, fires: [] },
  ],
  AppendsFail: [
    { when: 'Kafka says no', series: { [failures]: '0+6x30', [reachable('kafka')]: '1x30' }, at: 15, fires: [{ labels: { topic: 'pa.audit' }, summary: 'Appends to pa.audit fail although Kafka answers' }] },
    { when: 'Kafka is away: another alert says so', series: { [failures]: '0+6x30', [reachable('kafka')]: '0x30' }, at: 15, fires: [] },
    { when: 'one failed during a restart', series: { [failures]: '0x5 1x30', [reachable('kafka')]: '1x5 0x1 1x30' }, at: 20, fires: [] },
  ],
};
