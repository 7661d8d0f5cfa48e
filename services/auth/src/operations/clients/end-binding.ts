import { isInstant } from '@provider-access/fhir';
import { isNpi, isTin, npiKey, type ProviderKey, tinKey } from '@provider-access/events';
import { Refusal } from '@provider-access/kernel';
import { JSON_TYPE } from '@provider-access/service/http';
import { operation, ref } from '@provider-access/service/operation';
import { z } from 'zod';
import { bindingReasons, type EndBinding } from '../../domain/client.ts';
import type { AuthConfig } from '../../config.ts';
import { readBody, text } from './bodies.ts';

const INSTANT = 'must be an RFC 3339 instant with a zone, such as 2027-01-01T00:00:00Z';
/** Whether the list has the code is checked with the list. */
const ending = z.strictObject({
  reason: z.string('must be a code of the list'),
  note: text.optional(),
  evidence: text.optional(),
  to: z
    .string(INSTANT)
    .refine(isInstant, INSTANT)
    .transform((at) => Date.parse(at))
    .optional(),
});

export const END_BINDING = operation({
  route: 'POST /auth/clients/{client}/bindings/{provider}/end',
  callers: ['reviewer'],
  tag: 'Review of apps',
  parameters: {
    client: 'The `client_id` of the app.',
    provider: 'The identifier, as `npi|1234567893` or `tin|123456789`.',
  },
  summary: 'End the binding of an app to one NPI or TIN',
  description:
    'The app stays approved. When this answers, no process decides by the binding any more. With a later `to` it ' +
    'is in force until then. An end that was stated can only come earlier.',
  body: {
    required: true,
    content: {
      [JSON_TYPE]: {
        schema: ending,
        fields: {
          reason: "A code about one identifier, or a neutral one, of the payer's list (`REASONS_FILE`).",
          note: 'What happened. The app and the history show it.',
          evidence: 'What was looked at.',
          to: {
            type: 'string',
            format: 'date-time',
            description: 'When the binding ends, or ended. Default: now. It must not be before the binding began.',
          },
        },
        example: { reason: 'contract-ended', note: 'Contract 7 ended on 1 March.' },
      },
    },
  },
  answer: { description: 'The app after the decision, with its history.', type: JSON_TYPE, schema: ref('Client') },
  refusals: ['invalid-request', 'not-found', 'conflict', 'unavailable'],
});

/** @throws Refusal 400 for another form */
function providerOf(name: string): ProviderKey {
  const [system, value = ''] = name.split(/\|(.*)/s);
  if (system === 'npi' && isNpi(value)) return npiKey(value);
  if (system === 'tin' && isTin(value)) return tinKey(value);
  throw new Refusal('invalid-request', 'The identifier must be npi| with an NPI, or tin| with a TIN.');
}

/** The command of a request. @throws Refusal 400, also with the codes that the end may have (APPS.md P31) */
export function endOfBinding(
  provider: string,
  body: unknown,
  { reasons }: Pick<AuthConfig, 'reasons'>,
): Omit<EndBinding, 'by'> {
  const { reason, note, evidence, to } = readBody(ending, body);
  const codes = bindingReasons(reasons);
  if (!codes.includes(reason))
    throw new Refusal('invalid-request', `reason: must be one of ${codes.join(', ')}. Say more in note.`);
  return {
    kind: 'end-binding',
    provider: providerOf(provider),
    reason,
    ...(note !== undefined && { note }),
    ...(evidence !== undefined && { evidence }),
    ...(to !== undefined && { to }),
  };
}
