import { tmpdir } from 'node:os';
import { Controller, Get, Inject, Req, type DynamicModule } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { afterEach, describe, expect, test } from 'vitest';
import { ConfigurationError } from '@provider-access/service/config';
import { EngineUnavailable, type EventLog } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { READINESS, type ReadinessCheck } from '@provider-access/service/http';
import { silentLogger, TraceScopes } from '@provider-access/service/observability';
import { StaticTokens } from '@provider-access/smart';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { eventually } from '@provider-access/testing';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { ENGINE_CHECKS } from './health-controller.ts';
import { watchRoom } from './disk-room.ts';
import type { ServiceContext, StartableService } from './define-service.ts';
import type { Engines } from './open-engines.ts';
import { startProcess, type RunningProcess, type StartOptions } from './start-process.ts';
import { fixedSecrets } from './testing/fixed-secrets.ts';
import { PROCESS_CONFIG } from './testing/process-config.ts';

/** Engines in memory that can be unreachable, and that record when they were closed. */
class TestEngines implements Engines {
  readonly names = { log: 'kafka', views: 'mongodb', state: 'mongodb' } as const;
  kafkaAway = false;
  /** Brokers answer and refuse appends: too few replicas in sync, or a full disk. */
  appendsFail = false;
  mongoAway = false;
  missingTopic: string | undefined;
  readonly closed: string[] = [];
  opened = 0;
  readonly #memory = openMemoryLog();
  #requireKafka(): void {
    if (this.kafkaAway) throw new EngineUnavailable('Kafka: no broker answers');
  }
  async log(): Promise<EventLog> {
    this.opened++;
    this.#requireKafka();
    const memory = this.#memory;
    const guarded =
      <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        this.#requireKafka();
        return work(...args);
      };
    return {
      append: guarded(async (...call: Parameters<EventLog['append']>) => {
        if (this.appendsFail) throw new EngineUnavailable('Kafka: NOT_ENOUGH_REPLICAS');
        return memory.append(...call);
      }),
      subscribe: guarded(memory.subscribe.bind(memory)),
      follow: guarded(memory.follow.bind(memory)),
      head: guarded(memory.head.bind(memory)),
      committed: guarded(memory.committed.bind(memory)),
      losses: guarded(memory.losses.bind(memory)),
      read: guarded(memory.read.bind(memory)),
      partitions: guarded(async (topic: string) => {
        if (topic === this.missingTopic)
          throw Object.assign(new EngineUnavailable('Kafka: the topic does not exist'), { missingTopic: topic });
        return memory.partitions(topic);
      }),
      close: async () => void this.closed.push('log'),
    };
  }
  async views(): Promise<ReturnType<typeof openMemoryViews>> {
    if (this.mongoAway) throw new EngineUnavailable('the view store is away');
    return Object.assign(openMemoryViews(), { close: async () => void this.closed.push('views') });
  }
  async state(log: EventLog): Promise<ReturnType<typeof openMemoryState>> {
    const state = openMemoryState({ log });
    const get = state.claims.get.bind(state.claims);
    return Object.assign(state, {
      claims: Object.assign(state.claims, {
        get: async (namespace: string, key: string) => {
          if (this.mongoAway) throw new EngineUnavailable('the state store is away');
          return get(namespace, key);
        },
      }),
      close: async () => void this.closed.push('state'),
    });
  }
}

const VALUE = Symbol('value');
@Controller()
class TestController {
  constructor(@Inject(VALUE) private readonly value: string) {}
  @Get('fhir/hello')
  hello(): string {
    return this.value;
  }
  @Get('address')
  address(@Req() request: FastifyRequest): string {
    return request.ip;
  }
}
class TestModule {}
const testModule = (checks: readonly ReadinessCheck[] = []): DynamicModule => ({
  module: TestModule,
  controllers: [TestController],
  providers: [
    { provide: VALUE, useValue: 'hello' },
    { provide: READINESS, useFactory: () => checks },
    { provide: ENGINE_CHECKS, useFactory: () => [] },
  ],
});

const running: RunningProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.stop(0)));
});
interface TestOptions extends Partial<Omit<StartOptions, 'config'>> {
  readonly config?: Partial<StartOptions['config']>;
  readonly register?: StartableService['register'];
}
async function start(
  engines: Engines,
  { register = () => testModule(), config, ...options }: TestOptions = {},
): Promise<RunningProcess> {
  const service = await startProcess({
    name: 'consent',
    services: () => [{ name: 'consent', register }],
    ...fixedSecrets(new StaticTokens({})),
    engines,
    config: { ...PROCESS_CONFIG, ...config },
    logger: silentLogger,
    scopes: new TraceScopes(),
    backoffMs: [1],
    probeEveryMs: 5,
    ...options,
  });
  service.started.catch(() => undefined);
  running.push(service);
  return service;
}
const ask = async (service: RunningProcess, path: string): Promise<[number, unknown]> => {
  const response = await fetch(service.address + path);
  const text = await response.text();
  return [response.status, text.startsWith('{') ? JSON.parse(text) : text];
};
const ready = (service: RunningProcess): Promise<[number, unknown]> => ask(service, '/health/ready');

describe('a start', () => {
  test('waits for an engine that is away: alive, not ready and saying why, until it comes', async () => {
    const engines = new TestEngines();
    engines.kafkaAway = true;
    const service = await start(engines);
    await eventually(() => engines.opened > 2);
    expect(await ask(service, '/health/live')).toEqual([200, { live: true }]);
    expect(await ready(service)).toEqual([
      503,
      {
        ready: false,
        failing: [{ service: 'consent', check: 'start', detail: 'waiting for Kafka (Kafka: no broker answers)' }],
      },
    ]);
    const early = await fetch(`${service.address}/fhir/hello`);
    expect([
      early.status,
      early.headers.get('retry-after'),
      ((await early.json()) as { resourceType: string }).resourceType,
    ]).toEqual([503, '1', 'OperationOutcome']);

    engines.mongoAway = true;
    engines.kafkaAway = false;
    await eventually(async () => JSON.stringify(await ready(service)).includes('waiting for MongoDB'));
    expect(engines.closed).toContain('log');

    engines.mongoAway = false;
    await service.started;
    expect(await ready(service)).toEqual([200, { ready: true, failing: [] }]);
    expect(await ask(service, '/fhir/hello')).toEqual([200, 'hello']);
    expect((await ask(service, '/fhir/nothing'))[0]).toBe(404);
    const [, metrics] = await ask(service, '/metrics');
    expect(metrics).toContain('pa_engine_reachable{engine="kafka"} 1');
    expect(metrics).toContain('pa_engine_reachable{engine="mongodb"} 1');
  });

  test('is not ready while the log answers and refuses every append, and is ready again without traffic', async () => {
    const engines = new TestEngines();
    let log: EventLog | undefined;
    const service = await start(engines, {
      register: ({ ports }: ServiceContext) => {
        log = ports.log;
        return testModule();
      },
    });
    await service.started;
    engines.appendsFail = true;
    await expect(
      log!.append('pa.consent', [{ key: 'k', partitionKey: 'k', headers: {}, value: '{}' }]),
    ).rejects.toThrow(EngineUnavailable);
    expect(await ready(service)).toEqual([
      503,
      {
        ready: false,
        failing: [{ service: 'consent', check: 'log', detail: 'nothing can be appended (Kafka: NOT_ENOUGH_REPLICAS)' }],
      },
    ]);
    engines.appendsFail = false;
    expect(await ready(service)).toEqual([200, { ready: true, failing: [] }]);
  });

  test('leaves no gauge of a start that failed', async () => {
    let starts = 0;
    const service = await start(new TestEngines(), {
      register: ({ ports }: ServiceContext) => {
        const age = starts++ === 0 ? 1000 : 1;
        ports.metrics.read('pa_facts_age_seconds', () => [{ labels: { service: 'consent' as const }, value: age }]);
        return age === 1000 ? Promise.reject(new EngineUnavailable('the view store is away')) : testModule();
      },
    });
    await service.started;
    expect((await ask(service, '/metrics'))[1]).toContain('pa_facts_age_seconds{service="consent"} 1\n');
  });

  test('measures the disk under the files', async () => {
    const room = watchRoom({ folder: 'files', path: tmpdir(), setting: 'FILES_DIR', minBytes: 1 });
    const service = await start(Object.assign(new TestEngines(), { room }));
    await service.started;
    expect((await ask(service, '/metrics'))[1]).toMatch(/^pa_disk_free_bytes\{folder="files"\} [1-9]/m);
  });

  test('ends at once when a topic is not there, and says what creates it', async () => {
    const engines = new TestEngines();
    engines.missingTopic = 'pa.registry';
    const service = await start(engines);
    await expect(service.started).rejects.toThrow(/KAFKA_TOPIC_PREFIX: .*pa\.registry; `pa topics apply` creates them/);
    expect(engines.opened).toBe(1);
    expect(engines.closed).toEqual(['log']);
  });

  test('ends at once for a fault of configuration and for a bug, and closes what was open', async () => {
    for (const error of [new ConfigurationError('X: is wrong'), new TypeError('a bug')]) {
      const engines = new TestEngines();
      const service = await start(engines, { register: () => Promise.reject(error) });
      await expect(service.started).rejects.toBe(error);
      expect(engines.closed).toEqual(['state', 'views', 'log']);
    }
  });

  test('is abandoned by a stop', async () => {
    const engines = new TestEngines();
    engines.kafkaAway = true;
    const service = await start(engines, { backoffMs: [60_000] });
    await eventually(() => engines.opened > 0);
    await service.stop(0);
    await service.started;
    await expect(fetch(service.address)).rejects.toThrow();
  });

  test('of a port that is taken fails', async () => {
    const service = await start(new TestEngines());
    await expect(start(new TestEngines(), { config: { PORT: Number(new URL(service.address).port) } })).rejects.toThrow(
      /^PORT: port \d+ of 127.0.0.1 is in use; set PORT to another port/,
    );
  });
});

describe('while it runs', () => {
  test(
    'Kafka may be away for as long as reads go on without it; then readiness says so, liveness stays true, and it ' +
      'comes back by itself',
    async () => {
      const engines = new TestEngines();
      const clock = { at: Date.now(), now: () => clock.at };
      const service = await start(engines, { clock, freshnessMs: 5000 });
      await service.started;
      engines.kafkaAway = true;
      await eventually(async () =>
        String((await ask(service, '/metrics'))[1]).includes('pa_engine_reachable{engine="kafka"} 0'),
      );
      expect((await ready(service))[0]).toBe(200);
      clock.at += 6000;
      expect(await ready(service)).toEqual([
        503,
        { ready: false, failing: [{ service: 'consent', check: 'kafka', detail: 'kafka has not answered for 6 s' }] },
      ]);
      clock.at += 3_600_000;
      expect(await ask(service, '/health/live')).toEqual([200, { live: true }]);
      expect(await ask(service, '/fhir/hello')).toEqual([200, 'hello']);
      engines.kafkaAway = false;
      await eventually(async () => (await ready(service))[0] === 200);
    },
  );

  test('without MongoDB it is not ready at once', async () => {
    const engines = new TestEngines();
    const service = await start(engines);
    await service.started;
    engines.mongoAway = true;
    await eventually(async () => (await ready(service))[0] === 503);
    expect(JSON.stringify(await ready(service))).toContain('"check":"mongodb"');
  });

  test('a check of the service is a reason; one that fails or hangs is too', async () => {
    const service = await start(new TestEngines(), {
      register: () =>
        testModule([
          { name: 'facts', check: async () => ({ ready: false, detail: 'facts are older than 5000 ms' }) },
          { name: 'broken', check: () => Promise.reject(new Error('secret words')) },
        ]),
    });
    await service.started;
    expect(await ready(service)).toEqual([
      503,
      {
        ready: false,
        failing: [
          { service: 'consent', check: 'facts', detail: 'facts are older than 5000 ms' },
          { service: 'consent', check: 'broken', detail: 'the check failed' },
        ],
      },
    ]);
  });

  test('a fault that every process has is a notice, and no reason', async () => {
    const service = await start(new TestEngines(), {
      register: () => testModule([{ name: 'storage', check: async () => ({ ready: true, detail: 'full' }) }]),
    });
    await service.started;
    expect(await ready(service)).toEqual([
      200,
      { ready: true, failing: [], notices: [{ service: 'consent', check: 'storage', detail: 'full' }] },
    ]);
  });

  test.each([
    ["nobody's by default", undefined, '127.0.0.1'],
    ['one proxy in front: what it added', 1, '203.0.113.9'],
    ['two proxies', 2, '198.51.100.7'],
    ['its network', ['127.0.0.0/8'], '203.0.113.9'],
    ['another network', ['10.0.0.0/8'], '127.0.0.1'],
  ])('X-Forwarded-For is believed only where a proxy was named: %s', async (_whose, trustProxy, address) => {
    const service = await start(new TestEngines(), { config: { TRUST_PROXY: trustProxy } });
    await service.started;
    expect(
      await (
        await fetch(`${service.address}/address`, { headers: { 'x-forwarded-for': '198.51.100.7, 203.0.113.9' } })
      ).text(),
    ).toBe(address);
  });
});

describe('a stop', () => {
  test('lets an answer end, hands back, and closes service before engines in reverse order', async () => {
    const engines = new TestEngines();
    let answer: (text: string) => void = () => undefined;
    let asked: () => void = () => undefined;
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    @Controller()
    class SlowController {
      @Get('slow')
      slow(): Promise<string> {
        asked();
        return new Promise((resolve) => (answer = resolve));
      }
    }
    class SlowModule {
      onApplicationShutdown(): void {
        engines.closed.push('own');
      }
    }
    const service = await start(engines, {
      register: () => ({
        module: SlowModule,
        controllers: [SlowController],
        providers: [READINESS, ENGINE_CHECKS].map((provide) => ({ provide, useFactory: () => [] })),
      }),
    });
    await service.started;
    const slow = fetch(`${service.address}/slow`);
    await isAsked;
    const stopped = service.stop(10_000);
    await eventually(() =>
      fetch(service.address).then(
        () => false,
        () => true,
      ),
    );
    expect(engines.closed).toEqual([]);
    answer('done');
    const { headers } = await slow.then(async (answered) => (expect(await answered.text()).toBe('done'), answered));
    // A client with a kept-alive connection sends nothing more on it.
    expect(headers.get('connection')).toBe('close');
    await stopped;
    expect(engines.closed).toEqual(['own', 'state', 'views', 'log']);
  });
});
