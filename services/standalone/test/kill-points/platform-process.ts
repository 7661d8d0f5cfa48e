import { attributionConfig, attributionSettings } from '@provider-access/attribution';
import type { Blobs } from '@provider-access/engines/blob';
import { consentConfig, consentSettings } from '@provider-access/consent';
import type { EventLog } from '@provider-access/engines/log';
import type { Access, PresenceOptions } from '@provider-access/facts';
import type { Clock } from '@provider-access/kernel';
import { type Answer, type Call, request } from '@provider-access/process/testing';
import type { ServicePorts } from '@provider-access/service/http';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { fixedSecret, type Secret, type SigningKeys, StaticTokens } from '@provider-access/smart';
import type { State } from '@provider-access/engines/state';
import type { Views } from '@provider-access/engines/views';
import { type ServiceName, serviceOf } from '../../src/route-table.ts';
import { type Services, type Shared, startServices } from '../../src/services.ts';

export type { Answer, Call };

export const PUBLIC_URL = 'https://pa.example';
export const PAYER_TOKEN = 'p'.repeat(43);
export const ADMINISTRATOR_TOKEN = 'a'.repeat(43);

export interface EnginePorts {
  readonly log: EventLog;
  readonly views: Views;
  readonly state: State;
  readonly blobs: Blobs;
  readonly clock: Clock;
  /**
   * Name in the presence list, for processes that share engines. A change is acknowledged after all of them know it.
   */
  readonly name?: string;
  /**
   * The time by which a process counts how long it is on that list, where a test moves the clock of the store. Both
   * must run at one rate, as a monotonic clock and the store's do.
   */
  readonly presenceNow?: () => number;
}
/** How the services of a test are configured. */
const configs = {
  attribution: attributionConfig(attributionSettings.parse({ PUBLIC_URL })),
  consent: consentConfig(consentSettings.parse({})),
  resources: { publicUrl: PUBLIC_URL, attachmentsAbove: 1000 },
  export: {
    publicUrl: PUBLIC_URL,
    writers: 0,
    chunkMembers: 2,
    skewMarginMs: 0,
    backoffMs: () => 5,
    pollMs: 100,
    pollsPerMinute: 1_000_000,
    kickOffsPerHour: 100_000,
    runningPerClient: 1000,
  },
  auth: { publicUrl: PUBLIC_URL },
} satisfies Shared['configs'];
/** The parts that all services of a test share. */
export const shared = (keys: Secret<SigningKeys>, blobs: Blobs): Shared => ({
  staticTokens: new StaticTokens({ administrator: ADMINISTRATOR_TOKEN, payer: PAYER_TOKEN }),
  keys,
  pageKeys: fixedSecret([Buffer.alloc(32, 7)]),
  blobs,
  configs,
});

/** The five services as the standalone runs them, over the ports of a test and without a listener. */
export class PlatformProcess {
  readonly #services: Services;
  private constructor(services: Services) {
    this.#services = services;
  }

  static async start(engines: EnginePorts, keys: Secret<SigningKeys>): Promise<PlatformProcess> {
    const { blobs, name: own, presenceNow, ...given } = engines;
    const ports: ServicePorts = { ...given, logger: silentLogger, metrics: new Metrics({ enabled: false }) };
    const presenceOf = (name: ServiceName): PresenceOptions | undefined =>
      own === undefined
        ? undefined
        : {
            port: given.state.presence,
            holder: `${own}/${name}`,
            ...(presenceNow !== undefined && { now: presenceNow }),
          };
    return new PlatformProcess(
      await startServices(shared(keys, blobs), (name) => ({ ports, presence: presenceOf(name) })),
    );
  }

  request(target: string, call: Call = {}): Promise<Answer> {
    const url = target.startsWith(PUBLIC_URL) ? target.slice(PUBLIC_URL.length) : target;
    return request(this.#services.apps[serviceOf(url)!], url, call);
  }
  /** Lets every service poll the log, as it does twice a second, so that its facts are current. */
  async look(): Promise<void> {
    await Promise.all(this.#services.facts.map(({ freshness }) => freshness.poll()));
  }
  /** What the services know of members, as one of them does. */
  get access(): Access {
    return this.#services.facts[0]!.access;
  }
  stop(): Promise<void> {
    return this.#services.stop();
  }
}
