import { Inject, Injectable } from '@nestjs/common';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { Applications, unknownClient } from '../../apps/applications.ts';
import { Clients } from '../../apps/clients.ts';
import { OneAtATime } from '../../apps/one-at-a-time.ts';
import { Registry } from '../../apps/registry.ts';
import type { Approve, ClientCommand } from '../../domain/client.ts';
import { KeyChanges } from '../register/key-changes.ts';
import { Identifiers } from './identifiers.ts';

/**
 * ms: longer than an approval waits for the keys under a jwks_uri (10 s) and for its readers (5 s). If its instance
 * dies, the next approval waits this long.
 */
const APPROVAL_MS = 25_000;

/** Makes the decisions of reviewers. */
@Injectable()
export class Decisions {
  /** Each approval sees the bindings of the previous one. */
  private readonly approvals: OneAtATime;
  constructor(
    @Inject(PORTS) ports: ServicePorts,
    @Inject(Clients) private readonly clients: Clients,
    @Inject(Applications) private readonly applications: Applications,
    @Inject(Registry) private readonly registry: Registry,
    @Inject(Identifiers) private readonly identifiers: Identifiers,
    @Inject(KeyChanges) private readonly keyChanges: KeyChanges,
  ) {
    const text = 'Another approval is running.';
    this.approvals = new OneAtATime(ports.state.leases, ['auth/approval', APPROVAL_MS], text);
  }

  /** Repeating the decision that stands changes nothing. @throws Refusal 404, 409, 400, 503 */
  async decide(client: string, command: ClientCommand): Promise<void> {
    if (command.kind === 'approve') await this.approvals.run(() => this.bind(client, command));
    else await this.make(client, command);
  }
  private async bind(client: string, command: Approve): Promise<void> {
    const app = await this.clients.find(client);
    const providers = command.identifiers?.map(({ provider }) => provider) ?? app?.providers ?? [];
    this.identifiers.requireNamed(client, providers, command.sharedWith ?? []);
    if (app?.status !== 'pending') return this.make(client, command);
    await this.keyChanges.approveOwn(app, () => this.make(client, command));
  }
  private async make(client: string, command: ClientCommand): Promise<void> {
    if (this.clients.registered(client)) await this.registry.execute(client, command);
    else await this.decideWaiting(client, command);
  }
  /** Decides about a registration that is not in pa.registry. Only an approval publishes the registration there. */
  private async decideWaiting(client: string, command: ClientCommand): Promise<void> {
    const { clients, registry, applications } = this;
    const found = await clients.find(client);
    try {
      if (found === undefined) throw unknownClient();
      if (command.kind === 'suspend')
        throw new Refusal('conflict', `The client is ${found.status}: only an approved one can be suspended.`);
      if (command.kind === 'reject') return await applications.reject(client, command.by, command.reason);
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
