import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Audit, AuditChain, type ChainPage } from '@provider-access/audit';
import { PA_AUDIT } from '@provider-access/events';
import type { EventLog, LogRecord } from '@provider-access/engines/log';
import { ADMIN, Harness, NPI } from '../../../test/harness.ts';

const admin = { authorization: `Bearer ${ADMIN}` };
const DAY = 86_400_000;
let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
});
afterEach(() => h.stop());

type Answer = Omit<ChainPage, 'next'> & { readonly next?: string };
async function verified(query = ''): Promise<{ findings: ChainPage['findings']; unsealed: number | undefined }> {
  const findings: ChainPage['findings'][number][] = [];
  for (let next: string | undefined = `/ops/audit/verification${query}`; ;) {
    const response = await h.get(next, admin);
    expect(response.statusCode, response.body).toBe(200);
    const page: Answer = response.json();
    findings.push(...page.findings);
    if (page.next === undefined) return { findings, unsealed: page.unsealed };
    next = page.next;
  }
}
async function days(count: number): Promise<string[]> {
  const audit = h.app.get(Audit, { strict: false });
  const named: string[] = [];
  for (let day = 0; day < count; day++) {
    named.push(new Date(h.now).toISOString().slice(0, 10));
    for (let i = 0; i < 10; i++)
      await audit.record({ client: `c${i}`, action: 'read', outcome: 'released', members: ['m1'], resources: 1 });
    h.now += DAY;
  }
  await h.app.get(AuditChain, { strict: false }).seal();
  return named;
}

describe('the verification of the audit', () => {
  it('compares each day and partition with its seal, and says which one differs', async () => {
    const [first, second] = (await days(2)) as [string, string];
    const { findings, unsealed } = await verified();
    expect([new Set(findings.map(({ state }) => state)), unsealed]).toEqual([new Set(['intact']), 0]);
    expect(new Set(findings.map(({ day }) => day))).toEqual(new Set([first, second]));
    const at = findings.find(({ day }) => day === second)!.partition!;
    // Somebody who can write the log changes one entry of it.
    const { log } = h.ports;
    const { read } = log;
    const changed = (record: LogRecord): LogRecord => ({ ...record, value: Buffer.from('{}') });
    const last = findings.filter(({ partition }) => partition === at).reduce((n, f) => n + f.records!, 0) - 1;
    (log as { read: EventLog['read'] }).read = async (topic, partition, ...rest) =>
      (await read.call(log, topic, partition, ...rest)).map((record) =>
        topic === PA_AUDIT && partition === at && record.offset === last ? changed(record) : record,
      );
    expect((await verified()).findings.filter(({ state }) => state !== 'intact')).toMatchObject([
      { day: second, partition: at, state: 'differs' },
    ]);
    expect((await verified(`?to=${first}`)).findings.every(({ state }) => state === 'intact')).toBe(true);
  });

  it.each([
    'from=yesterday',
    'to=2026-02-30',
    'from=2026-01-02&to=2026-01-01',
    'page=x',
    `page=${Buffer.from('{}').toString('base64url')}`,
    `page=${Buffer.from('{"partition":-1,"offset":0,"ends":[]}').toString('base64url')}`,
    `page=${Buffer.from('{"partition":0,"offset":0,"ends":[],"x":1}').toString('base64url')}`,
  ])('refuses %s', async (query) => {
    expect((await h.get(`/ops/audit/verification?${query}`, admin)).statusCode).toBe(400);
  });

  it('is for the administrator alone', async () => {
    const app = await h.app1('c1', [`npi|${NPI}`]);
    for (const headers of [{}, app, { authorization: 'Bearer x' }])
      expect((await h.get('/ops/audit/verification', headers as never)).statusCode).toBe(401);
  });
});
