import { attributionService } from '@provider-access/attribution';
import { authService } from '@provider-access/auth';
import type { Blobs } from '@provider-access/engines/blob';
import { consentService } from '@provider-access/consent';
import type { EventLog } from '@provider-access/engines/log';
import type { Service } from '@provider-access/events';
import { exportService } from '@provider-access/export';
import type { Access, PresenceOptions } from '@provider-access/facts';
import type { Clock } from '@provider-access/kernel';
import {
  type Answer,
  type Call,
  fixedSecrets,
  request,
  type Services,
  type StartableService,
  startServices,
} from '@provider-access/process/testing';
import { resourcesService } from '@provider-access/resources';
import type { ServicePorts } from '@provider-access/service/http';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { type Secret, type SigningKeys, StaticTokens } from '@provider-access/smart';
import { US } from '@provider-access/testing/promises';
import type { State } from '@provider-access/engines/state';
import type { Views } from '@provider-access/engines/views';
import { serviceOf } from '@provider-access/standalone/route-table';

export type { Answer, Call };

export const PUBLIC_URL = 'https://pa.example';
export const PAYER_TOKEN = 'p'.repeat(43);
export const MEMBER_PORTAL_TOKEN = 'm'.repeat(43);
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
/** What a test may configure. */
export interface Tested {
  /** Nobody sees a member who has not got a notice. */
  readonly holdsUntilNotice?: boolean;
  /** Each interval of a binding is an event of its own (ADR 0129). */
  readonly bindingEvents?: boolean;
}
/** The services as a test configures them. */
export const testedServices = ({
  holdsUntilNotice: holds = false,
  bindingEvents = false,
}: Tested): readonly StartableService[] => [
  attributionService.read({ PUBLIC_URL, HOLD_UNTIL_NOTICE: String(holds) }, {}),
  consentService.read({ PAYER_IDENTIFIERS: US, HOLD_UNTIL_NOTICE: String(holds) }, {}),
  resourcesService.with({ publicUrl: PUBLIC_URL, attachmentsAbove: 1000, holdsUntilNotice: holds }),
  exportService.with({
    ...exportService.config(exportService.settings.parse({ PUBLIC_URL, HOLD_UNTIL_NOTICE: String(holds) })),
    writers: 0,
    chunkMembers: 2,
    skewMarginMs: 0,
    backoffMs: () => 5,
    pollMs: 100,
    pollsPerMinute: 1_000_000,
    kickOffsPerHour: 100_000,
    runningPerClient: 1000,
  }),
  authService.read({ PUBLIC_URL, HOLD_UNTIL_NOTICE: String(holds), BINDING_EVENTS: String(bindingEvents) }, {}),
];
const TESTED = testedServices({});
/** The secrets that all services of a test share. */
export const secretsOf = (keys: Secret<SigningKeys>) =>
  fixedSecrets(
    new StaticTokens({
      administrator: ADMINISTRATOR_TOKEN,
      payer: PAYER_TOKEN,
      'member-portal': MEMBER_PORTAL_TOKEN,
    }),
    keys,
  );

/** The five services as the standalone runs them, over the ports of a test and without a listener. */
export class PlatformProcess {
  readonly #services: Services;
  private constructor(services: Services) {
    this.#services = services;
  }

  static async start(engines: EnginePorts, keys: Secret<SigningKeys>): Promise<PlatformProcess> {
    const { blobs, name: own, presenceNow, ...given } = engines;
    const ports: ServicePorts = { ...given, logger: silentLogger, metrics: new Metrics({ enabled: false }) };
    const presenceOf = (name: Service): PresenceOptions | undefined =>
      own === undefined
        ? undefined
        : {
            port: given.state.presence,
            holder: `${own}/${name}`,
            ...(presenceNow !== undefined && { now: presenceNow }),
          };
    return new PlatformProcess(
      await startServices(TESTED, (name) => ({ ...secretsOf(keys), ports, blobs, presence: presenceOf(name) })),
    );
  }

  request(target: string, call: Call = {}): Promise<Answer> {
    const url = target.startsWith(PUBLIC_URL) ? target.slice(PUBLIC_URL.length) : target;
    return request(this.#services.apps[serviceOf(url)!]!, url, call);
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
