import { All, Controller } from '@nestjs/common';
import { Refusal } from '@provider-access/kernel';

/**
 * For one release (docs/adr/0035-export-is-routed.md): the chart of the release before leads exports of a Group here.
 * `helm rollback` changes the routes before the pods of attribution, so a client must repeat its request meanwhile.
 * @until 0.3.0
 */
@Controller()
export class MisroutedExportController {
  @All(['fhir/Group/:id/$export', 'fhir/Group/:id/$davinci-data-export'])
  refuse(): never {
    throw new Refusal('unavailable', 'Exports move to another service at the moment. Repeat the request.', {
      retryAfter: 5,
    });
  }
}
