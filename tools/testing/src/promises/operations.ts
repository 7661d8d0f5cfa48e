import { drawing } from './drawing.ts';
import { A_MONTH, MATCH_WEIGHTS, type MatchOperation, matchOperation } from './match-operations.ts';
import { EXPORT_WEIGHTS, type ExportOperation, exportOperation } from './export-operations.ts';
import {
  PAYER_WEIGHTS,
  type PayerOperation,
  payerOperation,
  type Plan,
  PLANS,
  PRACTICES,
  type Practice,
} from './payer-operations.ts';
import { type Disturbance, MODULES } from './disturbances.ts';
import { CARDIOLOGY, scopeTable, SURGERY } from './scopes.ts';

export type { Disturbance } from './disturbances.ts';
export { PRACTICES, type Practice } from './payer-operations.ts';
export const MEMBERS = 3;
/** The check digit of an NPI is computed by Luhn's algorithm with the prefix 80840, as CMS defines. */
export const PROVIDERS: Readonly<Record<Practice, { readonly npi: string; readonly tin: string }>> = {
  A: { npi: '1234567893', tin: '111111111' },
  B: { npi: '1679576722', tin: '222222222' },
};
/** The providers of an opt-out. It can name a practice by its NPI or its TIN. */
const TARGETS = [
  'all',
  'A by NPI',
  'A by TIN',
  'B by NPI',
  'A and an attribute that nobody knows',
  'an NPI with a wrong check digit',
] as const;
/** What an opt-out of the second version says: the rows of the table of scopes. */
export const SCOPES = scopeTable({ p: PROVIDERS.A, other: PROVIDERS.B, stranger: '1992999825' }).filter(
  ({ type }) => type === undefined,
);
/** For whom a member opts back in. */
const BACK = ['A by NPI', 'A by TIN', 'B by NPI'] as const;
/** What the directory says about a practice. */
const SPECIALTIES = [CARDIOLOGY, SURGERY, undefined] as const;
/** The content of a FHIR Consent. Only the first one has a meaning for the platform (ADR 0019). */
const CONSENTS = ['deny', 'permit', 'deny, and is inactive'] as const;
const FAULTS = [
  'an opt-out with impossible data',
  'an opt-out whose type is misspelt',
  'an opt-out of the future',
  'an opt-out of a scope that does not exist',
  'an opt-in without the proof of a representative',
  'an opt-out without a member',
  'an opt-out from an impossible day',
  'an end of coverage on an impossible day',
  'a merge of the future',
  'an opt-out under an id that was used',
] as const;
const RESOLUTIONS = [
  'discard',
  'replay',
  'correct',
  'correct',
  'correct for another member',
  'correct to another type',
  'claim to be its replay',
] as const;

/** How a client asks for the content of an attachment. */
export const FORMS = ['bytes', 'resource', 'range', 'HEAD'] as const;

interface OptStatement {
  readonly member: number;
  readonly source: number;
  /** Business time, in minutes before now; negative if the payer's clock is ahead. */
  readonly ago: number;
  /** Effective time, in minutes from now. */
  readonly from?: number | undefined;
  /** The payer names only the day of the effective time. */
  readonly day: boolean;
  readonly via: number;
  /** By POST or directly into the log. */
  readonly post: boolean;
}
export type Statement =
  | (OptStatement & { readonly op: 'opt-out'; readonly target: (typeof TARGETS)[number] })
  /** An opt-out of the second version. `scope`: a row of `SCOPES`. */
  | (OptStatement & { readonly op: 'scoped opt-out'; readonly scope: string })
  /** Without a target it is for all practices, and of the first version. */
  | (OptStatement & { readonly op: 'opt-in'; readonly target?: (typeof BACK)[number] | undefined })
  | (OptStatement & {
      readonly op: 'consent';
      readonly content: (typeof CONSENTS)[number];
      readonly target: (typeof TARGETS)[number];
    })
  | {
      readonly op: 'merge';
      readonly member: number;
      readonly other: number;
      readonly via: number;
      readonly post: boolean;
    };
/** One operation. It is plain data, so that a sequence can be printed, shortened and repeated. */
export type Operation =
  | Statement
  | { readonly op: 'at once'; readonly statements: readonly Statement[] }
  /** Several events in one request, one on each line. A line that is no event may come before them. */
  | { readonly op: 'lines'; readonly statements: readonly Statement[]; readonly junk: boolean; readonly via: number }
  | { readonly op: 'record'; readonly member: number; readonly via: number }
  /** A newer version of the member's document, with some of its attachments or none. */
  | {
      readonly op: 'document';
      readonly member: number;
      readonly attachments: readonly number[];
      readonly labelled: boolean;
      readonly via: number;
    }
  /** A newer version of the Medication that all members share, or of the copy that belongs to the first member. */
  | { readonly op: 'medication'; readonly copy: boolean; readonly via: number }
  | {
      readonly op: 'coverage';
      readonly member: number;
      readonly ends: boolean;
      readonly ago: number;
      readonly from: number;
      readonly to?: number | undefined;
      readonly day: boolean;
      /** Of which plan the coverage is, if the event says so. */
      readonly plan?: Plan | undefined;
      readonly via: number;
    }
  | {
      readonly op: 'attribution';
      readonly member: number;
      readonly practice: Practice;
      readonly by: 'npi' | 'tin';
      readonly ends: boolean;
      readonly from: number;
      readonly via: number;
    }
  | { readonly op: 'network'; readonly practice: Practice; readonly joins: boolean; readonly via: number }
  /** What the directory says about the practice: a code of NUCC, or nothing. */
  | {
      readonly op: 'specialty';
      readonly practice: Practice;
      readonly code: (typeof SPECIALTIES)[number];
      readonly via: number;
    }
  | { readonly op: 'client'; readonly client: number; readonly suspend: boolean; readonly via: number }
  | {
      readonly op: 'fault';
      readonly how: (typeof FAULTS)[number];
      readonly member: number;
      readonly other: number;
      readonly via: number;
    }
  | {
      readonly op: 'resolve';
      readonly which: number;
      readonly how: (typeof RESOLUTIONS)[number];
      readonly via: number;
    }
  | { readonly op: 'repeat'; readonly which: number; readonly via: number }
  | { readonly op: 'next page'; readonly which: number; readonly via: number }
  | {
      readonly op: '$docref';
      readonly client: number;
      readonly member: number;
      readonly post: boolean;
      readonly via: number;
    }
  | {
      readonly op: 'binary';
      readonly client: number;
      readonly member: number;
      readonly attachment: number;
      readonly form: (typeof FORMS)[number];
      readonly via: number;
    }
  | ExportOperation
  | MatchOperation
  | PayerOperation
  | Disturbance
  | { readonly op: 'settle' };
/** Random sequences have no roll-out. A test inserts it. */
export type Kind = Exclude<Operation['op'], 'roll-out'>;

/** How often each kind of operation comes. */
const WEIGHTS: Readonly<Record<Kind, number>> = {
  'opt-out': 14,
  'scoped opt-out': 14,
  'opt-in': 14,
  merge: 12,
  consent: 7,
  'at once': 5,
  lines: 4,
  record: 3,
  document: 8,
  medication: 4,
  coverage: 5,
  attribution: 5,
  network: 3,
  specialty: 5,
  client: 3,
  fault: 9,
  resolve: 5,
  repeat: 6,
  'next page': 4,
  $docref: 3,
  binary: 4,
  kill: 6,
  'partial append': 9,
  clock: 8,
  'time passes': 8,
  rebuild: 2,
  settle: 7,
  ...EXPORT_WEIGHTS,
  ...MATCH_WEIGHTS,
  ...PAYER_WEIGHTS,
};
const KINDS = Object.keys(WEIGHTS) as Kind[];

/**
 * The random sequence of a seed. Each sequence leaves out half of the kinds, so that the others occur together more
 * often. `without`: kinds that cannot happen on this platform.
 */
export function sequenceOf(seed: number, without: readonly Kind[] = []): readonly Operation[] {
  const draw = drawing(seed);
  const one = <T>(from: readonly T[]): T => from[draw(from.length)]!;
  const chosen = KINDS.filter((kind) => kind === 'opt-out' || draw(2) === 0);
  const possible = chosen.filter((kind) => !without.includes(kind));
  const kinds = possible.flatMap((kind) => Array.from({ length: WEIGHTS[kind] }, () => kind));
  const member = (): number => one([0, 0, 0, 1, 1, 2]);
  const via = (): number => draw(2);
  const common = (): OptStatement => ({
    member: member(),
    source: draw(2),
    ago: one([0, 0, 0, 0, 1, 3, 10, 120, -1, -3]),
    from: one([undefined, undefined, undefined, undefined, -1440, -10, 0, 20, 180, 900]),
    day: draw(3) === 0,
    via: via(),
    post: draw(4) > 0,
  });
  const statement = (kind: Statement['op']): Statement => {
    const target = (): (typeof TARGETS)[number] => one([...TARGETS, 'all', 'all', 'all']);
    if (kind === 'opt-out') return { op: kind, ...common(), target: target() };
    if (kind === 'scoped opt-out') return { op: kind, ...common(), scope: one(SCOPES).what };
    if (kind === 'opt-in') return { op: kind, ...common(), target: one([undefined, undefined, undefined, ...BACK]) };
    if (kind === 'consent')
      return { op: kind, ...common(), target: target(), content: one(['deny', 'deny', ...CONSENTS]) };
    const a = member();
    return { op: kind, member: a, other: (a + 1 + draw(MEMBERS - 1)) % MEMBERS, via: via(), post: draw(4) > 0 };
  };
  const document = (of: number): Operation => ({
    op: 'document',
    member: of,
    attachments: one([[0, 1], [0], [2], [1, 2], []]),
    labelled: draw(2) === 0,
    via: via(),
  });
  const resolution = (): Operation => ({ op: 'resolve', which: draw(4), how: one(RESOLUTIONS), via: via() });
  const operation = (): Operation => {
    const op = one(kinds);
    switch (op) {
      case 'opt-out':
      case 'scoped opt-out':
      case 'opt-in':
      case 'consent':
      case 'merge':
        return statement(op);
      case 'lines': {
        const some = ['opt-out', 'scoped opt-out', 'opt-in', 'consent', 'merge'] as const;
        const statements = Array.from({ length: 2 + draw(3) }, () => statement(one(some)));
        return { op, statements, junk: draw(2) === 0, via: via() };
      }
      case 'record':
        return { op, member: member(), via: via() };
      case 'document':
        return document(member());
      case 'medication':
        return { op, copy: draw(2) === 0, via: via() };
      case 'at once':
        return { op, statements: [statement(one(['scoped opt-out', 'opt-in'])), statement(one(['opt-out', 'merge']))] };
      case 'coverage':
        return {
          op,
          member: member(),
          ends: draw(2) === 0,
          ago: one([0, 0, 30]),
          from: one([-1440, -60, 0, 60]),
          to: one([undefined, undefined, 120]),
          day: draw(3) === 0,
          plan: one([undefined, undefined, ...PLANS, 'bronze']),
          via: via(),
        };
      case 'attribution':
        return {
          op,
          member: member(),
          practice: one(PRACTICES),
          by: one(['npi', 'tin']),
          ends: draw(2) === 0,
          from: one([-1440, 0, 60]),
          via: via(),
        };
      case 'network':
        return { op, practice: one(PRACTICES), joins: draw(2) === 0, via: via() };
      case 'specialty':
        return { op, practice: one(PRACTICES), code: one(SPECIALTIES), via: via() };
      case 'client':
        return { op, client: draw(2), suspend: draw(2) === 0, via: via() };
      case 'fault':
        return { op, how: one(FAULTS), member: member(), other: member(), via: via() };
      case 'resolve':
        return resolution();
      case 'repeat':
      case 'next page':
        return { op, which: draw(8), via: via() };
      case '$docref':
        return { op, client: draw(2), member: member(), post: draw(2) === 0, via: via() };
      case 'binary':
        return { op, client: draw(2), member: member(), attachment: draw(3), form: one(FORMS), via: via() };
      case 'export':
      case 'delta':
      case 'download':
        return exportOperation(op, draw);
      case 'attest':
      case 'withdraw':
        return matchOperation(op, draw);
      case 'kill':
        return {
          op,
          module: one(MODULES),
          instance: draw(2),
          changes: draw(6),
          side: one(['before', 'half', 'after']),
        };
      case 'partial append':
        return { op, module: one(['consent', 'consent', 'attribution']) };
      case 'clock':
        return {
          op,
          module: one(['resources', 'resources', 'consent', 'attribution', 'export', 'auth']),
          instance: draw(2),
          seconds: one([60, 30, 0, -20, -60, -60, -3600]),
        };
      case 'time passes':
        return { op, minutes: one([1, 4, 10, 30, 120, 720]) };
      case 'rebuild':
        return { op, view: one(['members', 'memberships']), back: false, via: via() };
      case 'settle':
        return { op };
      default:
        return payerOperation(op, draw);
    }
  };
  // A disturbance shows only if a statement follows.
  const disturbs: readonly Operation['op'][] = ['kill', 'partial append', 'clock'];
  const followed = (done: Operation): readonly Operation[] => {
    if (disturbs.includes(done.op) && draw(2) === 0) return [done, statement('opt-out')];
    if (done.op === 'document' && draw(2) === 0) return [done, opposite(done)];
    if (done.op === 'fault' && draw(2) === 0) return [done, resolution()];
    if (done.op === 'table of lines' && draw(2) === 0) return [done, changeOfPlan()];
    if (done.op === 'attest' && kinds.includes('time passes') && draw(4) === 0)
      return [done, { op: 'settle' }, { op: 'time passes', minutes: A_MONTH }, { op: 'settle' }];
    if (done.op === 'rebuild') return [done, statement('opt-out'), { ...done, back: true, via: via() }];
    return done.op === 'export' ? continued(done) : [done];
  };
  const changeOfPlan = (): Operation => ({
    op: 'coverage',
    member: member(),
    ends: false,
    ago: 0,
    from: -60,
    day: false,
    plan: one(PLANS),
    via: via(),
  });
  /** The next version of a document has the other attachments and the other label. */
  const opposite = (done: Extract<Operation, { op: 'document' }>): Operation => ({
    ...done,
    attachments: [0, 1, 2].filter((attachment) => !done.attachments.includes(attachment)),
    labelled: !done.labelled,
    via: via(),
  });
  /** An export, an operation on a member after it, and an export since then. */
  const continued = (done: Extract<Operation, { op: 'export' }>): readonly Operation[] => {
    const who = { member: member(), via: via() };
    const now = { ...who, source: draw(2), ago: 0, day: false, post: true };
    const [before, after] = one<readonly (readonly Operation[])[]>([
      [[], [statement('opt-out')]],
      [[], [{ op: 'record', ...who }]],
      [[{ op: 'settle' }], []],
      [[{ op: 'opt-out', ...now, target: 'all' }], [{ op: 'settle' }, { op: 'opt-in', ...now }]],
    ]);
    const then = { which: 0, via: via() };
    const download: Operation = { op: 'download', ...then, range: false };
    // A download decides again about what was asked for.
    if (done.ask !== undefined && draw(2) === 0) return [done, statement('opt-out'), { op: 'settle' }, download];
    return [...before!, done, ...after!, { op: 'delta', ...then }, download];
  };
  return Array.from({ length: 3 + draw(10) }, operation).flatMap(followed);
}
