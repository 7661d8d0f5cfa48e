import { encodeEvent, PA_REGISTRY } from '@provider-access/events';
import { instant, type ServicePorts } from '@provider-access/http';
import type { SigningKeys } from '@provider-access/smart';
import { SOURCE } from './registry.ts';

/** Tells everybody our public keys, once a kid however often and wherever this starts. */
export async function publishSigningKeys({ state, clock }: Pick<ServicePorts, 'state' | 'clock'>, keys: SigningKeys): Promise<void> {
  for (const jwk of keys.published) {
    const key = `signing-key/${jwk.kid}`;
    const record = encodeEvent({ id: key, source: SOURCE, type: 'pa.signing-key-published.v1', time: instant(clock.now()), subject: jwk.kid, data: { kid: jwk.kid, jwk: { ...jwk } } }, { key });
    // Not ok means that it was there.
    await state.streams.append(key, 0, [{ topic: PA_REGISTRY, record }], { kid: jwk.kid });
  }
}
