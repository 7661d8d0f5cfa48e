import { Controller, Inject } from '@nestjs/common';
import { type CodeListFile, listsOf, readCodeList } from '@provider-access/domain/pdex/labels';
import { Refusal } from '@provider-access/kernel';
import { JSON_TYPE } from '@provider-access/service/http';
import { type Answer, type Asked, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { z } from 'zod';
import { jsonOf } from './json-body.ts';
import { LabelSimulator } from './label-simulation.ts';

const MOST_FILES = 20;
const FILES_TEXT = `files is a list of 1 to ${MOST_FILES} files of sensitive codes, as text.`;
const BODY = z.strictObject({ files: z.array(z.string(), FILES_TEXT).min(1, FILES_TEXT).max(MOST_FILES, FILES_TEXT) });

/** For `pa simulate labels` (docs/sensitive-data.md). It changes nothing. */
const SIMULATE = operation({
  route: 'POST /ops/explain/labels',
  callers: ['engineer', 'compliance'],
  tag: 'Operations',
  summary: 'Tell what other lists of sensitive codes would withhold',
  description:
    'Reads every record once. Counts the resources that these lists would withhold in addition, and would no longer ' +
    'withhold, and the claims that would lose lines, by type, provider and reason, and lists the entries of the ' +
    'audit with which such resources may have left. Names no member.',
  body: {
    required: true,
    content: {
      [JSON_TYPE]: { schema: BODY, fields: { files: 'All files that `SENSITIVE_CODES_FILES` would name, as text.' } },
    },
  },
  answer: jsonObject('The counts, and the earlier releases.'),
  refusals: ['invalid-request'],
});

@Controller()
export class LabelSimulationController {
  constructor(@Inject(LabelSimulator) private readonly simulator: LabelSimulator) {}

  @Operation(SIMULATE)
  async simulate({ body }: Asked<typeof SIMULATE>): Promise<Answer> {
    const read = BODY.safeParse(jsonOf(body));
    if (!read.success) throw new Refusal('invalid-request', read.error.issues.map(({ message }) => message).join('; '));
    const files = read.data.files.map((text, at): CodeListFile => {
      const reading = readCodeList(text);
      if (!reading.ok)
        throw new Refusal('invalid-request', `File ${at + 1} of ${read.data.files.length}: ${reading.fault}`);
      return reading.policy;
    });
    return { json: { ...(await this.simulator.simulate(listsOf(files))) } };
  }
}
