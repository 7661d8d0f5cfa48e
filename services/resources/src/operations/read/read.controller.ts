import { Controller, Get, Inject, Param, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Audit } from '@provider-access/audit';
import { readGeneral, readShape } from '@provider-access/service/http';
import { requireScope, SmartGuard, type SmartRequest } from '@provider-access/smart';
import { CONFIG, type ResourcesConfig } from '../../config.ts';
import { parametersOf, servedType } from '../fhir-request.ts';
import { hasErrorLine, ResourceFinder } from '../find-resource.ts';
import { answerRemoved, answerVersion, type Asked, refuse } from '../release.ts';

/** GET [base]/{type}/{id}. https://hl7.org/fhir/R4/http.html#read */
@Controller('fhir')
@UseGuards(SmartGuard)
export class ReadController {
  private readonly base: string;
  constructor(
    @Inject(ResourceFinder) private readonly finder: ResourceFinder,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(CONFIG) config: ResourcesConfig,
  ) {
    this.base = `${config.publicUrl}/fhir`;
  }

  @Get(':type/:id')
  async read(
    @Param('type') type: string,
    @Param('id') id: string,
    @Req() request: SmartRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    servedType(type);
    const { client, scopes } = request.smart;
    requireScope(scopes, type, 'r');
    const { own } = readGeneral(request.headers.accept, parametersOf(request.url));
    const asked: Asked = { action: 'read', type, request, shape: readShape(type, own, this.base) };
    const found = await this.finder.find(client, type, id);
    if (found.kind === 'refused') return refuse(this.audit, asked, found);
    if (found.head.deleted === true && !hasErrorLine(found.head)) return answerRemoved(this.audit, asked, found);
    const record = await this.finder.line(found);
    if (record === undefined) return refuse(this.audit, asked, { ...found, reason: 'unknown-resource' });
    return answerVersion(this.audit, asked, found, record, reply);
  }
}
