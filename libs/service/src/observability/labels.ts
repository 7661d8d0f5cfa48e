import { PURPOSES } from '@provider-access/domain/access';
import {
  ABSENCES,
  ASSERTION_CHECKS,
  AUDIT_ACTIONS,
  DENIALS,
  namesOf,
  OBJECTIVES,
  SERVICES,
  SUSPICIONS,
  TOKEN_CHECKS,
  TOPICS,
} from '@provider-access/events';
import { REFUSALS } from '@provider-access/kernel';

/** Labels whose values come from code (a route pattern, a view, a group): a form, and how many there may be at most. */
export interface Pattern {
  readonly form: RegExp;
  readonly atMost: number;
}
/** The values of a label: a closed set or a pattern. Whatever is neither counts as `other`. */
export type LabelValues = readonly string[] | Pattern;

export const OTHER = 'other';
/** The value of a label that a text of a caller is; `other` if it is none. */
export const valueIn = <Value extends string>(values: readonly Value[], text: string): Value | typeof OTHER =>
  values.find((value) => value === text) ?? OTHER;
const pattern = (form: RegExp, atMost: number): Pattern => ({ form, atMost });

export const SERVICE = SERVICES;
/** Methods that a route of ours knows; a client may send any word. */
export const METHOD = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
/** As the router has it, `/fhir/:type/:id`; whatever fits no route is `unmatched`. */
export const ROUTE = pattern(/^(unmatched|\/[\w$.:*/{}-]*)$/, 150);
export const STATUS = pattern(/^[1-5]\d\d$/, 40);
export const TOPIC = TOPICS.map((topic) => topic.name);
/** Consumer groups are named in code: `resources-intake`, `view/facts_member_v1`. */
export const GROUP = pattern(/^(view\/)?[a-z][a-z0-9_-]{0,80}$/, 60);
/** `<owner>_<name>_v<version>` */
export const VIEW = pattern(/^[a-z][a-z0-9_-]{0,80}$/, 60);
export const VERSION = pattern(/^[\w.+-]{1,64}$/, 4);

/** What became of a payer event (`pa.progress.v1`); `refused` was never appended. */
export const INTAKE_OUTCOME = [
  'recorded',
  'unchanged',
  'superseded',
  'before-floor',
  'not-served',
  'parked',
  'refused',
  OTHER,
] as const;
export const PURPOSE = [...PURPOSES, OTHER] as const;
export const DECISION = ['permit', ...namesOf(DENIALS), OTHER] as const;
/** The reason of a refused token: the step of the check that failed, else the OAuth error. */
export const TOKEN_REASON = [
  ...namesOf(ASSERTION_CHECKS),
  ...TOKEN_CHECKS,
  ...new Set(Object.values(REFUSALS).map(({ oauth }) => oauth)),
  OTHER,
] as const;
/** Why a registration left without an approval. */
export const DROPPED_REGISTRATION = ['expired', 'displaced'] as const;
/** Actions of `pa.disclosure.v1`. */
export const ACTION = [...namesOf(AUDIT_ACTIONS), OTHER] as const;
/** Why data was not released. Tokens are counted by `pa_token_refusals_total`: here they are one reason. */
export const REFUSAL = [
  ...namesOf(DENIALS),
  ...namesOf(ABSENCES),
  ...namesOf(SUSPICIONS),
  'token',
  ...namesOf(REFUSALS),
  OTHER,
] as const;
/** What a request had in place of a valid token; `limited`: too many forged ones came from its address. */
export const UNAUTHENTICATED = ['missing', 'invalid', 'limited'] as const;
export const EXPORT_STATE = ['queued', 'running', 'sealed'] as const;
/** What a client may have of exports. */
export const EXPORT_LIMIT = ['kick-offs', 'running', 'kept-bytes'] as const;
export const EXPORT_OUTCOME = ['completed', 'failed', 'cancelled', 'expired'] as const;
export const CHUNK_STATE = ['queued', 'running'] as const;
export const CHUNK_OUTCOME = ['written', 'failed', 'abandoned'] as const;
export const CACHE = ['access-token', 'jwks', 'view-document'] as const;
export const CACHE_RESULT = ['hit', 'miss'] as const;
/** What a disk that is measured holds: everything of `npm start`, or the files of exports. */
export const FOLDER = ['data', 'files'] as const;
export const ENGINE = ['kafka', 'mongodb', 'embedded'] as const;
/** The operator names them in EXPECTED_FEEDS. */
export const FEED_SOURCE = pattern(/^[!-~]{1,200}$/, 50);
export const FEED_TYPE = pattern(/^[A-Za-z.-]{1,80}$/, 50);
export const OBJECTIVE = OBJECTIVES;
export const OBJECTIVE_RESULT = ['met', 'missed'] as const;
export const PROBE_RESULT = ['passed', 'failed'] as const;
export const PROBE_STEP = pattern(/^[a-z][a-z0-9-]{0,40}$/, 30);
