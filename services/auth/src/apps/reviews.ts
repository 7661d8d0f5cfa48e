import { Inject, Injectable } from '@nestjs/common';
import { instant, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { noTransition, type Reviewed } from '../domain/client.ts';
import { Applications, unknownClient } from './applications.ts';
import { Clients } from './clients.ts';

/** Namespace of the claims that hold the review of an app that was approved once. */
const REVIEWS = 'client-review';
/** ms. A review that nobody follows up ends after 30 days. */
const KEEP_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * Reviews of apps that have begun (APPS.md P21). Where four eyes are on, another person approves. A registration that
 * waits has its review in its entry. The state store has the review of an app that was approved once: its status stays
 * as it is, because a review takes no access away.
 */
@Injectable()
export class Reviews {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Clients) private readonly clients: Clients,
    @Inject(Applications) private readonly applications: Applications,
  ) {}

  /** Who began a review keeps it. @throws Refusal 404, 409 */
  async begin(client: string, by: string): Promise<void> {
    const app = await this.clients.find(client);
    if (app === undefined) throw unknownClient();
    if (app.status === 'rejected' || app.status === 'revoked')
      throw new Refusal('conflict', noTransition(app.status, 'in-review'));
    if (!this.clients.registered(client)) return this.applications.review(client, by);
    const now = this.ports.clock.now();
    await this.ports.state.claims.claim(REVIEWS, client, JSON.stringify({ by, at: instant(now) }), now + KEEP_MS);
  }

  /** The review that an approval may follow. */
  async of(client: string): Promise<Reviewed | undefined> {
    if (!this.clients.registered(client)) return this.applications.reviewed(client);
    const text = await this.ports.state.claims.get(REVIEWS, client);
    return text === undefined ? undefined : (JSON.parse(text) as Reviewed);
  }

  /** Ends the review, so that the next approval needs another one. */
  async end(client: string): Promise<void> {
    const { claims } = this.ports.state;
    const text = await claims.get(REVIEWS, client);
    if (text !== undefined) await claims.release(REVIEWS, client, text);
  }
}
