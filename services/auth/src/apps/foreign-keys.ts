import { Inject, Injectable } from '@nestjs/common';
import { ClientDetails, type ClientKeySet, type ClientRegistration } from '@provider-access/facts';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { type JwksSource, keyMark } from '@provider-access/smart';
import { acceptedFormer } from '../domain/client-keys.ts';

/** Injection token of what fetches the published keys of clients. */
export const JWKS_SOURCE = Symbol('JwksSource');

/** Apps whose keys nobody else may use: a reviewer has approved them once (ADR 0062). */
const APPROVED_ONCE = new Set<ClientRegistration['status']>(['approved', 'suspended', 'expired', 'revoked']);

/** The refusal of a key. It does not name the other app, because the caller may be anybody. */
export const foreignKey = ({ jwksUri }: ClientKeySet): Refusal =>
  new Refusal(
    'invalid-client-metadata',
    `${jwksUri === undefined ? 'jwks' : 'jwks_uri'}: has a key of another client. Make a new key pair for each app.`,
  );

/** Finds the app that has the same key as another one, whatever kid, alg and further members the keys have. */
@Injectable()
export class ForeignKeys {
  constructor(
    @Inject(ClientDetails) private readonly details: ClientDetails,
    @Inject(JWKS_SOURCE) private readonly jwksSource: JwksSource,
    @Inject(PORTS) private readonly ports: ServicePorts,
  ) {}

  /**
   * Another app that a reviewer approved once and that has one of these keys, or the same jwks_uri.
   * @param published the keys under `jwksUri`, if they are known
   */
  owner(client: string, { jwks, jwksUri }: ClientKeySet, published?: readonly unknown[]): string | undefined {
    const wanted = new Set((published ?? jwks?.keys ?? []).map(keyMark));
    const now = this.ports.clock.now();
    const shares = (set: ClientKeySet): boolean => {
      const keys = set.jwksUri === undefined ? set.jwks?.keys : this.jwksSource.kept?.(set.jwksUri);
      return (jwksUri !== undefined && set.jwksUri === jwksUri) || (keys ?? []).some((key) => wanted.has(keyMark(key)));
    };
    return this.details
      .decided()
      .find(
        (other) =>
          other.client !== client &&
          APPROVED_ONCE.has(other.status) &&
          [other, ...acceptedFormer(other.formerKeys, now)].some(shares),
      )?.client;
  }
}
