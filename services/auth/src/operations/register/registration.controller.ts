import { randomBytes } from 'node:crypto';
import { Controller, Inject } from '@nestjs/common';
import type { AppRegistered } from '@provider-access/events';
import { scopeFaults } from '@provider-access/domain/smart';
import { asRegistered } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import { addressBlock, newSecret, RequestLimits, secretHash } from '@provider-access/smart';
import { Applications } from '../../apps/applications.ts';
import { type AuthConfig, CONFIG, urls } from '../../config.ts';
import { notStored, tooMany } from '../answers.ts';
import { clientDocument } from './client-document.ts';
import { clientMetadata, documentedMetadata, readFurther, readMetadata, recordOf } from './client-metadata.ts';
import { METADATA, REGISTRATION } from './texts.ts';

const MINUTE = 60_000;
const REGISTER = operation({
  route: 'POST /auth/register',
  callers: 'anybody',
  tag: 'Apps and tokens',
  summary: 'Register an app',
  description:
    'Dynamic client registration (RFC 7591). The app waits for a reviewer of the payer, who checks that its NPIs ' +
    'and TINs are its own. Keep `registration_access_token`: it is shown once.',
  body: {
    required: true,
    content: { [JSON_TYPE]: { schema: documentedMetadata, fields: METADATA, example: REGISTRATION } },
  },
  answer: {
    status: 201,
    description: 'The app is registered and waits.',
    type: JSON_TYPE,
    schema: ref('Registration'),
  },
  refusals: ['invalid-client-metadata', 'too-large', 'too-many-requests'],
});
/** Dynamic client registration (RFC 7591). `own-registration.controller.ts` has what an app does with it later. */
@Controller()
export class RegistrationController {
  /** Registrations of an address block. */
  private readonly registrations: RequestLimits;
  /** Registrations of all address blocks: each writes some 100 KB to the state store. */
  private readonly registrationsOfAll: RequestLimits;

  constructor(
    @Inject(CONFIG) private readonly config: AuthConfig,
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Applications) private readonly applications: Applications,
  ) {
    const { clock } = ports;
    this.registrations = new RequestLimits(clock, config.registrationsPerMinute);
    this.registrationsOfAll = new RequestLimits(clock, config.registrationsOfAllPerMinute);
  }

  @Operation(REGISTER)
  async register({ request, body }: Asked<typeof REGISTER>): Promise<Answer> {
    const { config, ports } = this;
    const from = addressBlock(request.ip);
    // The count in this process comes first, so that a request above the limit writes nothing to the shared counter.
    const wait = this.registrations.take(from);
    if (wait > 0) throw tooMany(request, 'registrations', wait);
    const { count, resetsAt } = await ports.state.counters.hit(`register/${from}`, MINUTE);
    if (count > config.registrationsPerMinute)
      throw tooMany(request, 'registrations', Math.max(1, Math.ceil((resetsAt - ports.clock.now()) / 1000)));
    const metadata = readMetadata(clientMetadata(config.allowInsecureJwks), body);
    const { metadata: further, ignored } = readFurther(body, {
      unknown: config.unknownMetadata,
      requires: config.registrationRequires,
    });
    const waitForAll = this.registrationsOfAll.take('');
    if (waitForAll > 0)
      throw new Refusal(
        'too-many-requests',
        'Too many apps are registered at this moment, from all addresses together.',
        { retryAfter: waitForAll },
      );
    const client = `c-${randomBytes(16).toString('hex')}`;
    const secret = newSecret();
    const app: AppRegistered = {
      client,
      name: metadata.client_name,
      jwks: metadata.jwks,
      jwksUri: metadata.jwks_uri,
      ...recordOf(metadata, further),
      registrationTokenHash: secretHash(secret),
      registeredAt: instant(ports.clock.now()),
    };
    const { refused } = scopeFaults((body as { readonly scope: string }).scope);
    const expiresAt = await this.applications.submit(app, secretHash(from).slice(0, 16));
    return notStored({
      ...clientDocument(asRegistered(app, app.registeredAt), ports.clock.now()),
      ...(refused.length > 0 && { scope_refused: refused }),
      ...(config.unknownMetadata === 'ignore' && ignored.length > 0 && { ignored }),
      registration_access_token: secret,
      registration_client_uri: urls(config.publicUrl).registration(client),
      registration_expires_at: instant(expiresAt),
    });
  }
}
