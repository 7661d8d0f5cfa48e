import { Controller, Inject } from '@nestjs/common';
import { Audit } from '@provider-access/audit';
import {
  digestOfCsv,
  digestOfReport,
  evidenceCsv,
  type EvidenceReport,
  isMonth,
} from '@provider-access/domain/pdex/evidence';
import { Refusal, PAGE_LANGUAGES } from '@provider-access/kernel';
import { type Answer, type Asked, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { z } from 'zod';
import { EVIDENCE_ROUTE } from '../../projections/evidence.ts';
import { Evidence } from './evidence.ts';

const PERIOD_TEXT = 'period must be a month such as 2026-11.';
const LANGUAGE_TEXT = 'lang must be en or es.';
const FORMAT_TEXT = 'format must be json or csv.';
const DIGEST_TEXT = 'sha256 must be 64 digits, 0 to 9 and a to f.';
const COMMON = { callers: ['compliance'], tag: 'Operations' } as const;

/** The monthly page, for `pa evidence` and the portal (docs/evidence.md). */
const REPORT = operation({
  ...COMMON,
  route: EVIDENCE_ROUTE,
  // An answer is signed by an entry of the audit, which the handler writes: it is about no member.
  head: false,
  summary: 'Report the evidence of a month',
  description:
    'The figures of the month, and for each rule R1 to R26 what the platform does, the tests that prove it, and its ' +
    'figures. A figure that is not known says why, and has no value. The audit names the SHA-256 of the answer ' +
    'before it leaves. It names no member.',
  fields: {
    period: {
      schema: z.string(PERIOD_TEXT).refine(isMonth, PERIOD_TEXT).optional(),
      description: "A month in the payer's time zone (`BUSINESS_TIME_ZONE`). Default: this month.",
    },
    lang: {
      schema: z.enum(PAGE_LANGUAGES, LANGUAGE_TEXT).default('en'),
      description: 'The language of the texts: `en`, the default, or `es`.',
    },
    format: {
      schema: z.enum(['json', 'csv'], FORMAT_TEXT).default('json'),
      description: '`csv` answers `text/csv`, whose last line has the hash. Default: `json`.',
    },
  },
  answer: jsonObject('`report`, and `signature` with the SHA-256 of its canonical JSON.'),
  refusals: ['unavailable'],
});
/** Whether the audit has the hash of a file, for `pa evidence --verify`. */
const SIGNATURE = operation({
  ...COMMON,
  callers: ['compliance', 'auditor'],
  route: 'GET /ops/evidence/signatures/{sha256}',
  parameters: { sha256: 'The hash of a report.' },
  summary: 'Find the entry of the audit that signs a report',
  answer: jsonObject('Which month, who asked for it and when, and the place of the entry in `pa.audit`.'),
  refusals: ['not-found', 'invalid-value', 'unavailable'],
});

@Controller()
export class EvidenceController {
  constructor(
    @Inject(Evidence) private readonly evidence: Evidence,
    @Inject(Audit) private readonly audit: Pick<Audit, 'record'>,
  ) {}

  @Operation(REPORT)
  async report({ query: { period, lang, format }, caller }: Asked<typeof REPORT>): Promise<Answer> {
    const report = await this.evidence.report(period ?? this.evidence.currentPeriod(), lang);
    const { sha256, answer } = format === 'csv' ? asCsv(report) : asJson(report);
    const query = new URLSearchParams({ period: report.period, format, lang, sha256 });
    const look = { client: caller.name, action: 'explain', outcome: 'released', operation: EVIDENCE_ROUTE } as const;
    await this.audit.record({ ...look, members: [], resources: 0, query: query.toString() });
    return answer;
  }

  @Operation(SIGNATURE)
  async signature({ params }: Asked<typeof SIGNATURE>): Promise<Answer> {
    const sha256 = params['sha256'] ?? '';
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new Refusal('invalid-value', DIGEST_TEXT, { expression: 'sha256' });
    const found = await this.evidence.signature(sha256);
    if (found === undefined)
      throw new Refusal('not-found', 'The audit has no report with this hash: the file is not as it was made.');
    const { appended, ...json } = found;
    return { json: { ...json, day: new Date(appended).toISOString().slice(0, 10) } };
  }
}

interface Signed {
  readonly sha256: string;
  readonly answer: Answer;
}
function asJson(report: EvidenceReport): Signed {
  const sha256 = digestOfReport(report);
  return { sha256, answer: { json: { report, signature: { sha256 } } } };
}
function asCsv(report: EvidenceReport): Signed {
  const body = evidenceCsv(report);
  const headers = {
    'content-type': 'text/csv; charset=utf-8; header=present',
    'content-disposition': `attachment; filename="evidence-${report.period}.csv"`,
  };
  return { sha256: digestOfCsv(body)!.signed, answer: { headers, body } };
}
