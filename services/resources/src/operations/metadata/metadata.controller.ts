import { Controller, Get, Header, Inject, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { readGeneral } from '@provider-access/service/http';
import { Refusal } from '@provider-access/kernel';
import { CONFIG, type ResourcesConfig } from '../../config.ts';
import { FHIR_JSON, parametersOf } from '../fhir-request.ts';
import { capabilityStatement } from './capability-statement.ts';

/** GET [base]/metadata, without authentication. https://hl7.org/fhir/R4/http.html#capabilities */
@Controller('fhir/metadata')
export class MetadataController {
  private readonly statement: string;
  constructor(@Inject(CONFIG) config: ResourcesConfig) {
    this.statement = capabilityStatement(config.publicUrl, config.sandbox);
  }

  @Get()
  @Header('content-type', FHIR_JSON)
  get(@Req() request: FastifyRequest): string {
    const { own } = readGeneral(request.headers.accept, parametersOf(request.url));
    // R4 lets a server answer `normative` with the whole statement.
    const mode = own.get('mode') ?? 'full';
    if (mode === 'terminology')
      throw new Refusal(
        'not-supported',
        'This server has no terminology service, and so no TerminologyCapabilities. Leave mode out.',
        { expression: 'mode' },
      );
    if (mode !== 'full' && mode !== 'normative')
      throw new Refusal('invalid-value', 'mode must be full, normative or terminology.', { expression: 'mode' });
    return this.statement;
  }
}
