import { Controller, Inject } from '@nestjs/common';
import { type Asked, type Audited, operation, Operation } from '@provider-access/service/operation';
import { hasErrorLine, ResourceFinder } from '../find-resource.ts';
import { refused, removed, versionOf } from '../release.ts';
import { OF_A_VERSION, RESOURCE, versionAnswer } from './texts.ts';

/** https://hl7.org/fhir/R4/http.html#read */
const READ = operation({
  ...OF_A_VERSION,
  route: 'GET /fhir/{type}/{id}',
  audit: 'read',
  interaction: 'read',
  summary: 'Read a resource',
  description:
    'A resource of a member whom the app may not see is answered as if nobody had it. A resource that the payer ' +
    'removed is 410, if the app may see the member.',
  parameters: RESOURCE,
  answer: versionAnswer('The resource.'),
});

@Controller()
export class ReadController {
  constructor(@Inject(ResourceFinder) private readonly finder: ResourceFinder) {}

  @Operation(READ)
  async read({ client, scopes, type, params, query: shape }: Asked<typeof READ>): Promise<Audited> {
    const found = await this.finder.find({ client, scopes }, type, params.id, 'line');
    if (found.kind === 'refused') return refused(found);
    if (found.head.deleted === true && !hasErrorLine(found.head)) return removed(found);
    const record = await this.finder.line(found);
    return record === undefined ? refused({ ...found, reason: 'unknown-resource' }) : versionOf(found, record, shape);
  }
}
