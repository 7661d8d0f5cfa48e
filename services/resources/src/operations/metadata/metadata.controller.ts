import { Controller, Inject } from '@nestjs/common';
import { FHIR_TYPE } from '@provider-access/service/http';
import {
  type Answer,
  type Descriptor,
  GENERAL_PARAMETERS,
  operation,
  Operation,
  ref,
} from '@provider-access/service/operation';
import { Refusal } from '@provider-access/kernel';
import { CONFIG, type ResourcesConfig } from '../../config.ts';
import { capabilityStatement } from './capability-statement.ts';

/** https://hl7.org/fhir/R4/http.html#capabilities */
const METADATA = operation({
  route: 'GET /fhir/metadata',
  callers: 'anybody',
  tag: 'Reads and searches',
  summary: 'Get the CapabilityStatement',
  query: { parameters: GENERAL_PARAMETERS, read: readMode },
  answer: { description: 'What this server offers.', type: FHIR_TYPE, schema: ref('Resource') },
  refusals: ['not-acceptable'],
});

/** Provided by the module: the operations of its controllers. */
export const OPERATIONS = Symbol('Descriptor[]');

@Controller()
export class MetadataController {
  private readonly statement: string;
  constructor(@Inject(CONFIG) config: ResourcesConfig, @Inject(OPERATIONS) operations: readonly Descriptor[]) {
    this.statement = capabilityStatement(config.publicUrl, operations, config.sandbox);
  }

  @Operation(METADATA)
  get(): Answer {
    return { body: this.statement };
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
