import { Inject, Injectable } from '@nestjs/common';
import type { LinkedMember } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { type PortalKeys, portalKeyMark, type ReadLink, readMemberLink, type Secret } from '@provider-access/smart';
import { type AuthConfig, CONFIG, urls } from '../config.ts';

/** The public keys of the payer's portal; undefined where no link is valid. */
export const PORTAL_KEYS = Symbol('PortalKeys');

/** The links that the payer's portal signs. */
@Injectable()
export class PortalLinks {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(CONFIG) private readonly config: AuthConfig,
    @Inject(PORTAL_KEYS) private readonly keys: Secret<PortalKeys> | undefined,
  ) {}

  /** Undefined for any link whose signature or claims do not hold. */
  read(link: unknown): Promise<ReadLink | undefined> {
    const { publicUrl, portalUrl, audiences } = this.config;
    const exchanges = [portalUrl, publicUrl].map((base) => `${base}/auth/member-session`);
    const endpoint = [...exchanges, urls(publicUrl).token, ...audiences];
    return readMemberLink(link, {
      keys: this.keys?.current ?? [],
      audiences: { endpoint, beside: [publicUrl] },
      now: this.ports.clock.now(),
    });
  }

  /** Whether the portal still has the key that signed the link of a session. */
  isAccepted({ key }: LinkedMember): boolean {
    return this.keys?.current.some((one) => portalKeyMark(one) === key) === true;
  }
}
