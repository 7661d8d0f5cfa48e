import { All, Controller } from '@nestjs/common';
import { Refusal } from '@provider-access/kernel';

/** The place of a portal for registration and review, which later releases will have. */
@Controller('portal')
export class PortalController {
  @All(['', '*'])
  refuse(): never {
    throw new Refusal(
      'not-found',
      'There is no portal yet. An app registers with POST /auth/register, and a reviewer decides with `pa apps`. The ' +
        'documentation is at /docs.',
    );
  }
}
