import { randomUUID } from 'node:crypto';
import {
  encodeEvent,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_MEMBERS,
  PA_PROVIDERS,
  PA_REGISTRY,
} from '@provider-access/events';
import type { EventLog, LogRecord } from '@provider-access/engines/log';

export const LONG_AGO = '2020-01-01T00:00:00.000Z';

/** An event that one of our services publishes. */
export interface Fact {
  readonly topic: string;
  readonly type: string;
  readonly subject: string;
  readonly data: object;
  /** Its time. Default: long ago. */
  readonly at?: string;
}

/** An app that is registered and approved for the providers. */
export const approvedApp = (
  client: string,
  providers: readonly string[],
  scope = 'system/*.rs',
  at = LONG_AGO,
): readonly Fact[] => [
  {
    topic: PA_REGISTRY,
    type: 'pa.app-registered.v1',
    subject: client,
    at,
    data: {
      client,
      name: client,
      scope,
      contacts: [],
      npis: [],
      tins: [],
      registrationTokenHash: 'x',
      registeredAt: at,
    },
  },
  approval(client, providers, scope, at),
];
export const approval = (client: string, providers: readonly string[], scope = 'system/*.rs', at?: string): Fact => ({
  topic: PA_REGISTRY,
  type: 'pa.app-approved.v1',
  subject: client,
  data: { client, providers, scope, by: 'test' },
  ...(at !== undefined && { at }),
});
export const inNetwork = (provider: string): Fact => ({
  topic: PA_PROVIDERS,
  type: 'pa.network-status-recorded.v1',
  subject: provider,
  at: LONG_AGO,
  data: { provider, status: 'in-network', from: LONG_AGO, businessTime: LONG_AGO },
});
export const covered = (member: string): Fact => ({
  topic: PA_MEMBERS,
  type: 'pa.coverage-changed.v1',
  subject: member,
  at: LONG_AGO,
  data: { member, coverageId: `cov-${member}`, from: LONG_AGO, businessTime: LONG_AGO, sequence: 0 },
});
/** A table of the lines of business: the plans of one line each, with the instants of their start, if they have one. */
export const linesSet = (version: number, plans: Readonly<Record<string, string | undefined>>, at: string): Fact => ({
  topic: PA_REGISTRY,
  type: 'pa.lines-set.v1',
  subject: 'lines',
  at,
  data: {
    version,
    setAt: at,
    by: 'test',
    lines: Object.entries(plans).map(([plan, from], n) => ({
      line: `line-${n}`,
      ...(from !== undefined && { start: from, from }),
      plans: [{ plan }],
    })),
  },
});
/** The plan of a coverage. */
export const planned = (member: string, coverageId: string, plan: string, at = LONG_AGO): Fact => ({
  topic: PA_MEMBERS,
  type: 'pa.coverage-changed.v1',
  subject: member,
  at,
  data: { member, coverageId, from: LONG_AGO, businessTime: at, sequence: 0, plan },
});
export const attributed = (member: string, provider: string, group = 'g1', from = LONG_AGO): Fact => ({
  topic: PA_ATTRIBUTION,
  type: 'pa.member-attributed.v1',
  subject: member,
  at: from,
  data: { member, group, providers: [provider], from, businessTime: from },
});
export const optedOut = (member: string, effective: string): Fact => ({
  topic: PA_CONSENT,
  type: 'pa.opted-out.v1',
  subject: member,
  at: effective,
  data: { member, scope: 'global', effective, businessTime: effective, setBy: 'member' },
});

/** Appends facts as if a service had derived them from events of a source of the payer. */
export async function appendFacts(log: EventLog, facts: readonly Fact[], source = 'urn:payer'): Promise<void> {
  for (const { topic, at: time = LONG_AGO, ...fact } of facts)
    await log.append(topic, [
      encodeEvent({ ...fact, id: randomUUID(), source: 'urn:test', time, extensions: { pasource: source } }),
    ]);
}

/** All records of a topic, partition by partition. */
export async function recordsOf(log: EventLog, topic: string): Promise<readonly LogRecord[]> {
  const all: LogRecord[] = [];
  for (let p = 0; p < (await log.partitions(topic)); p++) all.push(...(await log.read(topic, p, 0, 1000)));
  return all;
}
