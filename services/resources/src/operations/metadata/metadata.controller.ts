import { Controller, Get, Header, Inject, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { readGeneral } from '@provider-access/service/http';
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
    readGeneral(request.headers.accept, parametersOf(request.url));
    return this.statement;
  }
}
