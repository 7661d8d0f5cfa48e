import { Controller, Inject } from '@nestjs/common';
import { FHIR_TYPE } from '@provider-access/service/http';
import {
  type Answer,
  type Asked,
  type Descriptor,
  GENERAL_PARAMETERS,
  operation,
  Operation,
  ref,
} from '@provider-access/service/operation';
import { Refusal } from '@provider-access/kernel';
import { bearerToken, STATIC_TOKENS, type StaticTokens } from '@provider-access/smart';
import { CONFIG, type ResourcesConfig } from '../../config.ts';
import { MEMBER_PORTAL } from '../consents/texts.ts';
import { capabilityStatement, portalStatement } from './capability-statement.ts';

/** https://hl7.org/fhir/R4/http.html#capabilities */
const METADATA = operation({
  route: 'GET /fhir/metadata',
  callers: 'anybody',
  tag: 'Reads and searches',
  summary: 'Get the CapabilityStatement',
  description: "For an app, and for whoever has no token. With the token of the payer's portal: that of Consents.",
  query: { parameters: GENERAL_PARAMETERS, read: readMode },
  answer: { description: 'What this server offers.', type: FHIR_TYPE, schema: ref('Resource') },
  refusals: ['not-acceptable'],
});

/** Provided by the module: the operations of its controllers. */
export const OPERATIONS = Symbol('Descriptor[]');

@Controller()
export class MetadataController {
  private readonly statement: string;
  private readonly ofPortal: string;
  constructor(
    @Inject(CONFIG) { publicUrl, sandbox, manifest }: ResourcesConfig,
    @Inject(OPERATIONS) operations: readonly Descriptor[],
    @Inject(STATIC_TOKENS) private readonly tokens: StaticTokens,
  ) {
    this.statement = capabilityStatement(publicUrl, operations, sandbox, manifest);
    this.ofPortal = portalStatement(publicUrl, operations, sandbox);
  }

  @Operation(METADATA)
  get({ request }: Asked<typeof METADATA>): Answer {
    const token = bearerToken(request);
    const isPortal = token !== undefined && this.tokens.roleOf(token) === MEMBER_PORTAL;
    return { headers: { vary: 'authorization, accept-encoding' }, body: isPortal ? this.ofPortal : this.statement };
  }
}

/** R4 lets a server answer `normative` with the whole statement. */
function readMode(own: URLSearchParams): void {
  const mode = own.get('mode') ?? 'full';
  if (mode === 'terminology')
    throw new Refusal(
      'not-supported',
      'This server has no terminology service, and so no TerminologyCapabilities. Leave mode out.',
      { expression: 'mode' },
    );
  if (mode !== 'full' && mode !== 'normative')
    throw new Refusal('invalid-value', 'mode must be full, normative or terminology.', { expression: 'mode' });
}
