import { Inject, Injectable } from '@nestjs/common';
import type { ClientRegistration } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { Applications, unknownClient } from '../../apps/applications.ts';
import { Clients } from '../../apps/clients.ts';
import { OneAtATime } from '../../apps/one-at-a-time.ts';
import { Registry } from '../../apps/registry.ts';
import { Reviews } from '../../apps/reviews.ts';
import { type AuthConfig, CONFIG } from '../../config.ts';
import { type Approve, type ReviewerCommand, isWaiting, type Reviewed, widens } from '../../domain/client.ts';
import { KeyChanges } from '../register/key-changes.ts';
import { Identifiers } from './identifiers.ts';

/**
 * ms: longer than an approval waits for the keys under a jwks_uri (10 s) and for its readers (5 s). If its instance
 * dies, the next approval waits this long.
 */
const APPROVAL_MS = 25_000;

/** What a decision needs of the registry: apps that wait, apps that were approved, and reviews. */
@Injectable()
export class DecidedApps {
  constructor(
    @Inject(Clients) readonly clients: Clients,
    @Inject(Applications) readonly applications: Applications,
    @Inject(Registry) readonly registry: Registry,
    @Inject(Reviews) readonly reviews: Reviews,
  ) {}
}

/** Makes the decisions of reviewers. */
@Injectable()
export class Decisions {
  /** Each approval sees the bindings of the previous one. */
  private readonly approvals: OneAtATime;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: AuthConfig,
    @Inject(DecidedApps) private readonly apps: DecidedApps,
    @Inject(Identifiers) private readonly identifiers: Identifiers,
    @Inject(KeyChanges) private readonly keyChanges: KeyChanges,
  ) {
    const text = 'Another approval is running.';
    this.approvals = new OneAtATime(ports.state.leases, ['auth/approval', APPROVAL_MS], text);
  }

  /** Repeating the decision that stands changes nothing. @throws Refusal 404, 409, 400, 503 */
  async decide(client: string, command: ReviewerCommand): Promise<void> {
    if (command.kind === 'approve') await this.approvals.run(() => this.bind(client, command));
    else await this.make(client, command);
  }
  /** Puts an app in review. @throws Refusal 404, 409 */
  review(client: string, by: string): Promise<void> {
    return this.apps.reviews.begin(client, by);
  }
  /** The review of an approved app that another approval may follow. One that waits has it in its history. */
  async reviewOf({ client, status }: ClientRegistration): Promise<Reviewed | undefined> {
    return isWaiting(status) ? undefined : this.apps.reviews.of(client);
  }
  private async bind(client: string, command: Approve): Promise<void> {
    const { clients, reviews } = this.apps;
    const app = await clients.find(client);
    const providers =
      command.identifiers?.map(({ provider }) => provider) ?? (app ? this.identifiers.boundTo(app) : []);
    this.identifiers.requireNamed(client, providers, command.sharedWith ?? []);
    const kept = app?.status === 'approved' ? this.identifiers.lasting(app) : [];
    if (app !== undefined)
      await this.identifiers.requireConfirmed(
        providers.filter((provider) => !kept.includes(provider)),
        command.confirm ?? [],
      );
    const review = await reviews.of(client);
    if (
      app !== undefined &&
      this.config.fourEyes &&
      widens(command, { ...app, lasting: this.identifiers.lasting(app) })
    )
      requireOther(review, command.by);
    const isFirst = app !== undefined && isWaiting(app.status);
    const reviewed = review ?? (isFirst ? { by: command.by, at: instant(this.ports.clock.now()) } : undefined);
    const reviewedCommand = { ...command, ...(reviewed !== undefined && { reviewed }) };
    if (isFirst) await this.keyChanges.approveOwn(app, () => this.make(client, reviewedCommand));
    else await this.make(client, reviewedCommand);
    await reviews.end(client);
  }
  private async make(client: string, command: ReviewerCommand): Promise<void> {
    const { clients, registry } = this.apps;
    if (clients.registered(client)) await registry.execute(client, command);
    else await this.decideWaiting(client, command);
  }
  /** Decides about a registration that is not in pa.registry. Only an approval publishes the registration there. */
  private async decideWaiting(client: string, command: ReviewerCommand): Promise<void> {
    const { clients, registry, applications } = this.apps;
    const found = await clients.find(client);
    try {
      if (found === undefined) throw unknownClient();
      if (command.kind === 'reject') {
        await applications.reject(client, command);
        return await registry.recordRejection((await clients.find(client)) ?? found);
      }
      if (command.kind !== 'approve') throw registry.refusal(command, found.status);
      const application = await applications.beginApproval(client, (app) => registry.check(command, app));
      await registry.execute(client, command, application);
      await applications.remove(client);
    } catch (error) {
      // Another reviewer approved it meanwhile.
      if (!(error instanceof Refusal && error.kind === 'not-found' && clients.registered(client))) throw error;
      await registry.execute(client, command);
    }
  }
}

/** Where four eyes are on, the person who approves is not the one who put the app in review (APPS.md P22). */
function requireOther(review: Reviewed | undefined, by: string): void {
  if (review === undefined)
    throw new Refusal(
      'conflict',
      'Two persons approve an app here. First put it in review: POST /auth/clients/{client}/review. Then another ' +
        'person approves it.',
    );
  if (review.by === by)
    throw new Refusal('conflict', 'You put this app in review, so another person has to approve it.');
}
