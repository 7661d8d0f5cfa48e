import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { Applications } from '../../apps/applications.ts';
import { Clients } from '../../apps/clients.ts';
import { Registry } from '../../apps/registry.ts';
import type { Approve, ClientCommand } from '../../domain/client.ts';
import { KeyChanges } from '../register/key-changes.ts';
import { Identifiers } from './identifiers.ts';

/**
 * ms: longer than an approval waits for the keys under a jwks_uri (10 s) and for its readers (5 s). If its instance
 * dies, the next approval waits this long.
 */
const APPROVAL_MS = 25_000;

export type ReviewCommand = Exclude<ClientCommand, { readonly kind: 'register' }>;
export const unknownClient = (): Refusal => new Refusal('not-found', 'There is no client with this id.');

/** Makes the decisions of reviewers. */
@Injectable()
export class Decisions {
  private turn: Promise<unknown> = Promise.resolve();
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Clients) private readonly clients: Clients,
    @Inject(Applications) private readonly applications: Applications,
    @Inject(Registry) private readonly registry: Registry,
    @Inject(Identifiers) private readonly identifiers: Identifiers,
    @Inject(KeyChanges) private readonly keyChanges: KeyChanges,
  ) {}

  /** Repeating the decision that stands changes nothing. @throws Refusal 404, 409, 400, 503 */
  async decide(client: string, command: ReviewCommand): Promise<void> {
    const decide = (): Promise<void> =>
      command.kind === 'approve' ? this.alone(() => this.bind(client, command)) : this.make(client, command);
    // In sequence, so that reviewers of this instance do not refuse each other because of the lease.
    const turn = this.turn.then(decide);
    this.turn = turn.catch(() => undefined);
    await turn;
  }
  private async bind(client: string, command: Approve): Promise<void> {
    await this.requireNamed(client, command);
    const app = await this.clients.find(client);
    if (app?.status !== 'pending') return this.make(client, command);
    await this.keyChanges.approveOwn(app, () => this.make(client, command));
  }
  private async make(client: string, command: ReviewCommand): Promise<void> {
    if (this.clients.registered(client)) await this.registry.execute(client, command);
    else await this.decideWaiting(client, command);
  }
  /**
   * Runs one approval at a time over all instances, so that each approval sees the bindings of the previous one.
   * @throws Refusal 503 while another approval runs
   */
  private async alone(approval: () => Promise<void>): Promise<void> {
    const { leases } = this.ports.state;
    const lease = await leases.acquire('auth/approval', randomUUID(), APPROVAL_MS);
    if (lease === undefined)
      throw new Refusal('unavailable', 'Another approval is running. Repeat the request.', { retryAfter: 1 });
    try {
      await approval();
    } finally {
      await leases.release(lease);
    }
  }
  private async requireNamed(client: string, command: Approve): Promise<void> {
    const providers =
      command.identifiers?.map(({ provider }) => provider) ?? (await this.clients.find(client))?.providers ?? [];
    this.identifiers.requireNamed(client, providers, command.sharedWith ?? []);
  }

  /** Decides about a registration that is not in pa.registry. Only an approval publishes the registration there. */
  private async decideWaiting(client: string, command: ReviewCommand): Promise<void> {
    const { clients, registry, applications } = this;
    const found = await clients.find(client);
    try {
      if (found === undefined) throw unknownClient();
      if (command.kind === 'suspend')
        throw new Refusal('conflict', `The client is ${found.status}: only an approved one can be suspended.`);
      if (command.kind === 'reject') {
        await applications.reject(client, command.by, command.reason);
        return;
      }
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
