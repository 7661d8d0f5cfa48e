import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Objective } from '@provider-access/events';
import { BusinessCalendar, DEFAULT_RULES, usedShareOf } from '@provider-access/domain/pdex/service-levels';
import { KAFKA_API, kafkaRequest, mongoCommand } from '@provider-access/testing';
import { http, json, optIn, optOut, payerEvent, tell } from '../road.ts';
import { trial } from './tried.ts';
import type { World } from './world.ts';

const HOUR = 3_600_000;

/** Alerts of engines, intake, views and service levels. */
export function engineFaults(world: () => World): void {
  /** Requests that contain a name are lost on their way. If only the answer were lost, the write would still happen. */
  const loseProduced = (topic: string): void =>
    world().kafkaProxy.loseRequests(
      (request) => kafkaRequest(request) === KAFKA_API.produce && request.includes(topic),
    );
  const loseWritten = (collection: string): void =>
    world().mongoProxy.loseRequests(
      (request) =>
        ['update', 'insert', 'findAndModify', 'bulkWrite'].includes(mongoCommand(request) ?? '') &&
        request.includes(collection),
    );
  /** A claim that was adjudicated so long ago that `share` of its business day is over. */
  const claim = async (id: string, share: number): Promise<void> => {
    const calendar = new BusinessCalendar(DEFAULT_RULES);
    const objective: Objective = 'claims-visible';
    let hours = 0.25;
    while (usedShareOf(objective, Date.now() - hours * HOUR, Date.now(), calendar) < share) hours += 0.25;
    const member = world().members[0]!;
    const resource = {
      resourceType: 'ExplanationOfBenefit',
      id,
      status: 'active',
      use: 'claim',
      type: { text: 'professional' },
      patient: { reference: `Patient/${member}` },
      created: '2026-01-02',
      insurer: { display: 'P' },
      provider: { display: 'D' },
      outcome: 'complete',
      insurance: [{ focal: true, coverage: { display: 'C' } }],
    };
    const answer = await tell(world().platform, {
      ...payerEvent('payer.resource-recorded.v1', member, { resource }),
      time: new Date(Date.now() - hours * HOUR).toISOString(),
    });
    expect(answer.status).toBe('accepted');
  };

  trial('Kafka is killed: EngineAway, stale facts, 503', world, () => ({
    source: 'the only Kafka broker was killed with SIGKILL',
    variant: 'kafka',
    alerts: { EngineAway: 30, FactsStale: 5, Errors: 20 },
    fault: () => world().kafka.kill(0),
    cure: () => world().kafka.startBroker(0),
  }));

  trial('MongoDB is killed: EngineAway, 503', world, () => ({
    source: 'the MongoDB-compatible server was killed with SIGKILL',
    variant: 'mongodb',
    alerts: { EngineAway: 30, Errors: 20 },
    fault: () => world().mongo.kill(),
    cure: () => world().mongo.start(),
  }));

  trial('appends to pa.audit fail: AppendsFail', world, async () => {
    // The adapter gives an append up after half a minute, and appends that wait meanwhile go with the next one. So
    // the rate is one in half a minute.
    return {
      source: 'a proxy lost every request of Kafka that appends to pa.audit',
      alerts: { AppendsFail: 6 },
      fault: async () => loseProduced('pa.audit'),
      cure: async () => world().kafkaProxy.loseRequests(),
    };
  });

  trial(
    'resources cannot append what it derives: IntakeStuck, and a claim that waits puts the service level at risk, ' +
      'then nearly misses it',
    world,
    () => ({
      source:
        'a proxy lost every request of Kafka that appends to pa.records, and a claim that had used 85 % of its ' +
        'business day came in',
      alerts: { IntakeStuck: 30, ServiceLevelAtRisk: 60, ServiceLevelNearlyMissed: 60 },
      fault: async () => {
        loseProduced('pa.records');
        await claim('waiting', 0.85);
      },
      cure: async () => world().kafkaProxy.loseRequests(),
    }),
  );

  trial('a claim comes after its business day: ServiceLevelMissed', world, () => ({
    source: 'a claim came in after its business day',
    alerts: { ServiceLevelMissed: 20 },
    fault: () => claim('too-late', 1.2),
    cure: async () => undefined,
    silentStretch: 200,
  }));

  trial('opt-outs take longer than a second: OptOutsLate', world, async () => {
    let saying = true;
    let said: Promise<void> | undefined;
    const say = async (): Promise<void> => {
      for (let n = 0; saying; n += 1) {
        const member = world().members[1 + (n % 3)]!;
        await tell(world().platform, optOut(member)).catch(() => undefined);
        await tell(world().platform, optIn(member)).catch(() => undefined);
      }
    };
    return {
      source: 'a proxy delayed each packet of MongoDB by 150 ms while members opted out and in again',
      alerts: { OptOutsLate: 20 },
      fault: async () => {
        // In each direction. With a longer delay it counts as unreachable, and no opt-out takes effect.
        world().mongoProxy.delay(150);
        said = say();
      },
      cure: async () => {
        saying = false;
        world().mongoProxy.delay(0);
        await said;
      },
      silentStretch: 60,
    };
  });

  const views = async (): Promise<string[]> =>
    json<{ views: { view: string }[] }>(
      await http(`${world().platform.base}/ops/views/resources`, { token: world().platform.administratorToken }),
    ).views.map(({ view }) => view);

  trial('writes to the records are never acknowledged: ViewStuck', world, () => ({
    source: 'a proxy lost every write of MongoDB to the view of records, and a claim came in',
    alerts: { ViewStuck: 30 },
    fault: async () => {
      loseWritten('resources_records_v');
      await claim('unseen', 0.1);
    },
    cure: async () => world().mongoProxy.loseRequests(),
  }));

  trial('a rebuild does not end: RebuildStuck', world, async () => {
    const view = (await views()).find((name) => name.includes('receipts'))!;
    let rebuilt: Promise<unknown> | undefined;
    return {
      source: 'a proxy lost every write of MongoDB to the new build of a view that was being rebuilt',
      alerts: { RebuildStuck: 1000 },
      fault: async () => {
        // Only of its builds. The registry, which has the view's own name in it, continues.
        loseWritten(`${view}_r`);
        rebuilt = http(`${world().platform.base}/ops/views/resources/${view}/rebuild`, {
          method: 'POST',
          token: world().platform.administratorToken,
        }).catch(() => undefined);
        await sleep(500);
      },
      cure: async () => {
        world().mongoProxy.loseRequests();
        await rebuilt;
        await http(`${world().platform.base}/ops/views/resources/${view}/rebuild`, {
          method: 'POST',
          token: world().platform.administratorToken,
        });
      },
    };
  });
}
