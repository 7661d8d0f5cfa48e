import { Inject, Injectable } from '@nestjs/common';
import { ASKED, ClientDetails, type ClientRegistration } from '@provider-access/facts';
import { isWaiting } from '../domain/client.ts';
import { skeleton } from '../domain/names.ts';
import { Applications } from './applications.ts';

interface Chosen {
  readonly after: string | undefined;
  readonly status?: ClientRegistration['status'] | undefined;
  /** Only apps that may ask for more than a reviewer has decided about. */
  readonly isAsking?: boolean;
}

/** A reviewer needs some to see that there are any. */
const MOST_ALIKE = 50;
/** Names that are compared in one turn of the event loop. */
const NAMES_A_TURN = 500;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Finds apps: first those of pa.registry, then registrations that wait for a reviewer. */
@Injectable()
export class Clients {
  private readonly skeletons = new WeakMap<ClientRegistration, string>();

  constructor(
    @Inject(ClientDetails) private readonly details: ClientDetails,
    @Inject(Applications) private readonly applications: Applications,
  ) {}

  /** Undefined for an unknown id or an expired registration. @throws EngineUnavailable */
  async find(client: string): Promise<ClientRegistration | undefined> {
    return this.details.get(client) ?? this.applications.get(client);
  }
  /** As `find`, with the same queries whether or not there is such an app, and wherever it is. */
  async findWithEqualWork(client: string): Promise<ClientRegistration | undefined> {
    const waiting = await this.applications.getWithEqualWork(client);
    return this.details.get(client) ?? waiting;
  }
  /**
   * Other apps that a reviewer approved once and whose names people may take for the name of this one, at most
   * `MOST_ALIKE`. Others are let in between, because this looks at every app that was approved.
   */
  async namedAlike({ client, name }: ClientRegistration): Promise<readonly ClientRegistration[]> {
    const wanted = skeleton(name);
    const found: ClientRegistration[] = [];
    for (const [n, other] of this.details.decided().entries()) {
      if (n % NAMES_A_TURN === NAMES_A_TURN - 1) await turn();
      if (other.client !== client && this.skeletonOf(other) === wanted) found.push(other);
      if (found.length === MOST_ALIKE) break;
    }
    return found;
  }
  /** Worked out once for each state of an app: it takes some microseconds, and there may be 100,000 apps. */
  private skeletonOf(app: ClientRegistration): string {
    const known = this.skeletons.get(app) ?? skeleton(app.name);
    this.skeletons.set(app, known);
    return known;
  }
  /** Whether pa.registry has the app. If so, the app's stream decides, and not the waiting registration. */
  registered(client: string): boolean {
    return this.details.get(client) !== undefined;
  }
  /** An app of pa.registry: only such an app has something that it could ask more than. */
  approvedOnce(client: string): ClientRegistration | undefined {
    return this.details.get(client);
  }
  /** When each app registered that waits for a reviewer, ms since the epoch. */
  async waitingSince(): Promise<readonly number[]> {
    return (await this.applications.list()).filter(({ status }) => isWaiting(status)).map(({ at }) => at);
  }
  /**
   * Ids in the order of registration, behind `after`; undefined if nobody knows `after`. Nothing is looked at behind
   * the last one that is taken, so that a page costs what it shows.
   */
  async idsAfter({ after, status, isAsking = false }: Chosen): Promise<Iterable<string> | undefined> {
    const { details } = this;
    const waiting = (await this.applications.list()).filter(({ client }) => !details.has(client));
    const at = after === undefined || details.has(after) ? -1 : waiting.findIndex(({ client }) => client === after);
    if (at < 0 && after !== undefined && !details.has(after)) return undefined;
    const rest = waiting.slice(at + 1).filter((one) => !isAsking && (status === undefined || one.status === status));
    return (function* () {
      if (at < 0)
        for (const id of details.idsAfter(after, isAsking ? ASKED : status))
          if (status === undefined || !isAsking || details.get(id)!.status === status) yield id;
      for (const { client } of rest) yield client;
    })();
  }
}
