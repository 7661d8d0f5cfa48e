import { All, Controller } from '@nestjs/common';
import { EXPORT_IS_PER_GROUP } from '@provider-access/domain/pdex';
import { Refusal } from '@provider-access/kernel';

/**
 * Exports that Bulk Data defines and this server does not have: of all patients and of the whole system
 * (https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-kick-off-request). The answer needs no token, because it
 * says nothing but the next step. 404 is the answer of FHIR for an endpoint that does not exist.
 */
@Controller()
export class SystemExportController {
  @All(['fhir/$export', 'fhir/$davinci-data-export', 'fhir/Patient/$export', 'fhir/Patient/$davinci-data-export'])
  refuse(): never {
    throw new Refusal('not-found', EXPORT_IS_PER_GROUP);
  }
}
