import { DEFAULT_MATCH_POLICIES } from '@provider-access/domain/pdex/match';
import {
  exportManifest,
  factsEnv,
  flag,
  publicUrl,
  businessEnv,
  filesEnv,
  codeLists,
  labelPolicy,
  labelsEnv,
  listEnv,
  matchEnv,
  payerEnv,
  processEnv,
  secretsEnv,
} from '@provider-access/service/config';
import { z } from 'zod';
import type { JobsConfig } from '@provider-access/jobs';
import type { PartLimits } from '@provider-access/jobs/files';

const count = (fallback: number) =>
  z.coerce.number('must be a number').int('must be a whole number').positive('must be above zero').default(fallback);

/** The variables of export alone; every limit has a default (docs/regulation.md#limits). */
export const exportSettings = z.object({
  PUBLIC_URL: publicUrl,
  ...payerEnv,
  ...listEnv,
  ...factsEnv,
  ...labelsEnv,
  ...matchEnv,
  EXPORT_STRICT: flag
    .default(false)
    .describe('Whether a kick-off needs the headers `Accept` and `Prefer: respond-async`, as Bulk Data 1.0.0 says.'),
  EXPORT_MANIFEST: exportManifest,
  EXPORT_CHUNK_MEMBERS: count(250).describe(
    'Members a chunk: the unit of work, of retry and of progress. With 10 or more, an export of at most 10 patients ' +
      'is one chunk.',
  ),
  EXPORT_WRITERS: count(1).describe('Worker threads that write chunks.'),
  EXPORT_RUNNING_PER_CLIENT: count(3).describe('Exports of a client that may run at a time.'),
  EXPORT_KICK_OFFS_PER_HOUR: count(60).describe('Kick-offs an hour and client before 429.'),
  EXPORT_POLLS_PER_MINUTE: count(120).describe(
    'Status requests a minute and job, and lists of exports a minute and client, before 429.',
  ),
  EXPORT_DOWNLOADS_PER_CLIENT: count(10).describe(
    'Downloads of a client that may run at the same time before 429, in all instances together.',
  ),
  EXPORT_KEEP_HOURS: count(72).describe('How long files of an export are kept.'),
  EXPORT_KEPT_MIB_PER_CLIENT: count(20_480).describe(
    'MiB of export files that a client may have kept. At this size the next kick-off is 429 until an export is ' +
      'deleted or expires; exports that run are completed.',
  ),
  EXPORT_LEASE_SECONDS: count(30).describe(
    'How long the work of a dead process waits before another process takes it over. A live process renews its lease.',
  ),
});

/** Environment of a process of export. */
export const exportEnv = z.object({
  ...processEnv,
  ...filesEnv,
  ...exportSettings.shape,
  PUBLIC_URL: processEnv.PUBLIC_URL,
  ADMINISTRATOR_TOKENS_FILE: secretsEnv.ADMINISTRATOR_TOKENS_FILE,
  ...businessEnv,
});

const HOUR = 3_600_000;
const MIB = 1024 * 1024;
/** Options that no variable sets. Durations in ms. */
const FIXED = {
  /** How long files outlive their expiry, for downloads that have begun. */
  graceMs: HOUR,
  /**
   * How far transactionTime lies before the reading of the positions. Protects against clock skew of intakes of the
   * previous release, which do not read the shared time.
   * @until 0.3.0
   */
  skewMarginMs: 1000,
  /** How long a kick-off, a seal or a DELETE waits for views before it answers 503 or tries again. */
  waitMs: 10_000,
  /** Attempts at one work item before the job fails. */
  attempts: 12,
  /** Chunks whose members one item of a seal decides. A longer seal is several items. */
  sealChunks: 64,
  /** Time between two searches of an idle worker for work of other processes. */
  pollMs: 2000,
};

export const CONFIG = Symbol('ExportConfig');
/** The options of the module. Durations in ms. */
export const exportConfig = (env: z.infer<typeof exportSettings>) => ({
  ...FIXED,
  publicUrl: env.PUBLIC_URL,
  facts: { boundMs: env.FACTS_BOUND_MS, holdsUntilNotice: env.HOLD_UNTIL_NOTICE },
  labels: labelPolicy(env),
  payerOrganization: env.PAYER_ORGANIZATION,
  payerIdentifiers: env.PAYER_IDENTIFIERS,
  payerName: env.PAYER_NAME,
  contractSystem: env.CONTRACT_SYSTEM ?? `${env.PUBLIC_URL}/contracts`,
  matchPolicies: env.MATCH_POLICY_FILE ?? DEFAULT_MATCH_POLICIES,
  consentConstrained: env.MATCH_CONSENT_CONSTRAINED,
  memberIdSystems: env.MATCH_MEMBER_ID_SYSTEMS,
  strict: env.EXPORT_STRICT,
  manifest: env.EXPORT_MANIFEST === '4' ? (4 as const) : (3 as const),
  codeLists: codeLists(env),
  chunkMembers: env.EXPORT_CHUNK_MEMBERS,
  /** 0 writes in the main thread, for tests with in-memory engines that a thread cannot open. */
  writers: env.EXPORT_WRITERS,
  runningPerClient: env.EXPORT_RUNNING_PER_CLIENT,
  kickOffsPerHour: env.EXPORT_KICK_OFFS_PER_HOUR,
  pollsPerMinute: env.EXPORT_POLLS_PER_MINUTE,
  downloadsPerClient: env.EXPORT_DOWNLOADS_PER_CLIENT,
  keepMs: env.EXPORT_KEEP_HOURS * HOUR,
  /** Of compressed bytes. */
  keptBytesPerClient: env.EXPORT_KEPT_MIB_PER_CLIENT * MIB,
  leaseMs: env.EXPORT_LEASE_SECONDS * 1000,
});
export interface ExportConfig extends JobsConfig, Readonly<Omit<ReturnType<typeof exportConfig>, 'facts'>> {
  /** `pollMs`: time between queries for the payer's heads. */
  readonly facts: { readonly boundMs: number; readonly holdsUntilNotice?: boolean; readonly pollMs?: number };
  /** Default PART_LIMITS. */
  readonly partLimits?: PartLimits;
}
