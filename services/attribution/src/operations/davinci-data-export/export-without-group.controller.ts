import { All, Controller } from '@nestjs/common';
import { EXPORT_IS_PER_GROUP } from '@provider-access/domain/pdex';
import { Refusal } from '@provider-access/kernel';

/** An export of Group that names no Group. The route table leads these paths here, because they name no Group's id. */
@Controller()
export class ExportWithoutGroupController {
  @All(['fhir/Group/$export', 'fhir/Group/$davinci-data-export'])
  refuse(): never {
    throw new Refusal('not-found', EXPORT_IS_PER_GROUP);
  }
}
