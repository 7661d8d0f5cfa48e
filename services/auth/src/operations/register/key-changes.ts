import { Inject, Injectable } from '@nestjs/common';
import type { AppRegistered } from '@provider-access/events';
import { ClientDetails, type ClientKeySet, type ClientRegistration } from '@provider-access/facts';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { exposed, type JwksSource, keyFault, secretMatches, secretParameter } from '@provider-access/smart';
import { foreignKey, ForeignKeys, JWKS_SOURCE } from '../../apps/foreign-keys.ts';
import { OneAtATime } from '../../apps/one-at-a-time.ts';
import { RegistryStreams } from '../../apps/registry-streams.ts';
import { changeKeys, type PreviousKeys, setOf } from '../../domain/client-keys.ts';
import { isWaiting } from '../../domain/client.ts';
import { noRegistration } from './registration-access.ts';
import { RotatedTokens } from './rotated-tokens.ts';

const DAY = 24 * 60 * 60 * 1000;
/** Changes of a client within a day. Each is a record of up to some 100 KB that stays in pa.registry for ever. */
const CHANGES_A_DAY = 20;
/** ms: longer than a change waits for its readers. If its instance dies, the next change waits this long. */
const CHANGE_MS = 15_000;

/** A change of keys, alone or as a part of an update. */
interface KeyRequest {
  readonly previous: PreviousKeys;
  /** The registration access token and the body with which the change came. */
  readonly token: string;
  readonly body: unknown;
  /**
   * The rest of an update: makes the new registration of the one with the new keys. `known` is what this process knows
   * of the app. It runs while no other change does.
   */
  readonly edit?: (app: AppRegistered, known: ClientRegistration) => Promise<AppRegistered>;
}

/**
 * Changes the keys of approved apps. A change is a record pa.app-registered.v1 in a stream of its own,
 * `client-keys/<id>`: releases before this one take it for a repeated registration and ignore it (docs/client-keys.md).
 */
@Injectable()
export class KeyChanges {
  /** Two apps must not get the same key at the same time. */
  private readonly changes: OneAtATime;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(RegistryStreams) private readonly streams: RegistryStreams,
    @Inject(ClientDetails) private readonly details: ClientDetails,
    @Inject(JWKS_SOURCE) private readonly jwksSource: JwksSource,
    @Inject(ForeignKeys) private readonly foreign: ForeignKeys,
    @Inject(RotatedTokens) private readonly rotated: RotatedTokens,
  ) {
    const text = 'The keys of another app are changed at this moment.';
    this.changes = new OneAtATime(ports.state.leases, ['auth/client-keys', CHANGE_MS], text);
  }

  /**
   * Resolves when every process accepts the new keys, and refuses those that ended. Without `edit`, a repeated request
   * changes nothing.
   * @throws Refusal 400, 401, 403, 409, 429, or 503 when readers do not catch up in time
   */
  async change(client: string, wanted: ClientKeySet, request: KeyRequest): Promise<void> {
    const published = wanted.jwksUri === undefined ? undefined : await this.published(wanted.jwksUri);
    await this.changes.run(async () => {
      // Read now, because a reviewer may have suspended the app while this request waited.
      const registration = this.details.get(client);
      if (registration?.status !== 'approved') throw notApproved(registration?.status ?? 'submitted');
      if (this.foreign.owner(client, wanted, published) !== undefined) throw foreignKey(wanted);
      await this.decide(registration, wanted, request);
    });
  }

  /**
   * Runs the first approval of an app, unless another app that was approved has one of its keys. A registration does
   * not compare the keys under a jwks_uri, because this server fetches a URL only when a reviewer approves it. If the
   * URL gives no keys now, the approval goes on: the app gets no token before it publishes them.
   * @throws Refusal 409 that names the other app to the reviewer
   */
  async approveOwn(app: ClientRegistration, approve: () => Promise<void>): Promise<void> {
    const { jwksSource, foreign } = this;
    const set = app.jwksUri === undefined ? undefined : await jwksSource.get(app.jwksUri, { refresh: true });
    await this.changes.run(async () => {
      const owner = foreign.owner(app.client, app, set?.ok === true ? set.keys : undefined);
      if (owner !== undefined)
        throw new Refusal(
          'conflict',
          `The client has a key of ${owner}, so each of them could act as the other. Reject it, and ask its ` +
            'developer to register again with a new key pair.',
        );
      await approve();
    });
  }

  private async decide(client: ClientRegistration, wanted: ClientKeySet, request: KeyRequest): Promise<void> {
    const { previous, edit } = request;
    const { ports, streams } = this;
    const { clock, state } = ports;
    const name = `client-keys/${client.client}`;
    const evolve = (_before: unknown, { data }: { readonly data: AppRegistered }): AppRegistered => data;
    const head = await streams.head<AppRegistered, { data: AppRegistered }>({ name, client: client.client, evolve });
    const before = head?.snapshot ?? registeredOf(client);
    await this.requireToken(before, request);
    const decided = changeKeys(before, wanted, previous, clock.now());
    if (!decided.ok)
      throw new Refusal(decided.fault === 'invalid' ? 'invalid-client-metadata' : 'conflict', decided.text);
    // The answer to a request that changes nothing waits as well, because the first attempt may have timed out.
    if (decided.app === undefined && edit === undefined) return head && streams.acknowledge(name, head.version);

    const { count, resetsAt } = await state.counters.hit(name, DAY);
    if (count > CHANGES_A_DAY)
      throw new Refusal('too-many-requests', `More than ${CHANGES_A_DAY} changes within a day.`, {
        retryAfter: Math.max(1, Math.ceil((resetsAt - clock.now()) / 1000)),
      });
    const changed = decided.app ?? before;
    const app = edit === undefined ? changed : await edit(changed, client);
    const version = head?.version ?? 0;
    const about = { id: `${name}/${version + 1}`, subject: client.client };
    const event = { ...about, type: 'pa.app-registered.v1', data: app };
    const appended = await streams.append(name, version, [event], app);
    if (appended === undefined) throw this.changes.busy();
    ports.logger.info(
      { client: client.client, previous, kids: kidsOf(wanted) },
      'an app changed its keys with its registration access token',
    );
    await streams.acknowledge(name, appended);
  }

  /** Another change may have ended the token since the request began. @throws Refusal 401 */
  private async requireToken({ client, registrationTokenHash: hash }: AppRegistered, request: KeyRequest) {
    const { token, body } = request;
    if (!secretMatches(token, hash) && !(await this.rotated.repeats(client, hash, token, body))) throw noRegistration();
  }

  /** The keys under a jwks_uri. A URL that serves no key would lock the app out, so it is refused now. */
  private async published(url: string): Promise<readonly unknown[]> {
    const set = await this.jwksSource.get(url, { refresh: true });
    if (!set.ok) throw new Refusal('invalid-client-metadata', `jwks_uri: does not give a key set: ${set.reason}.`);
    const at = set.keys.findIndex((key) => secretParameter(key) !== undefined);
    if (at >= 0)
      throw new Refusal('invalid-client-metadata', `jwks_uri: keys.${at} ${exposed(secretParameter(set.keys[at])!)}.`);
    if (set.keys.some((key) => keyFault(key) === undefined)) return set.keys;
    throw new Refusal(
      'invalid-client-metadata',
      `jwks_uri: gives no key that this server accepts: keys.0 ${keyFault(set.keys[0])}.`,
    );
  }
}

/** Only an approved app can change its keys: a reviewer approves the keys that the reviewer saw. */
export const notApproved = (status: ClientRegistration['status']): Refusal =>
  new Refusal(
    'forbidden',
    isWaiting(status)
      ? 'The app is not approved yet, and a reviewer decides about the keys that it registered. Register again with ' +
          'the new keys.'
      : `The app is ${status}: only an approved app can change its keys. Write to the payer.`,
  );
const kidsOf = ({ jwks }: ClientKeySet): readonly unknown[] => (jwks?.keys ?? []).map((key) => key['kid']);

/** The registration as the first record of the app has it. */
function registeredOf(registration: ClientRegistration): AppRegistered {
  const { client, name, requestedScope: scope, registrationTokenHash, registeredAt } = registration;
  const { contacts, npis, tins, metadata } = registration;
  const listed = { contacts: [...contacts], npis: [...npis], tins: [...tins] };
  return { client, name, ...setOf(registration), scope, ...listed, metadata, registrationTokenHash, registeredAt };
}
