import { api, ask, type Asked } from '../../common/api.ts';

export interface Step {
  readonly step: string;
  /** Members that pass it. */
  readonly members: number;
  /** By reason. */
  readonly lost: Readonly<Record<string, number>>;
}
/** What `GET /ops/lists/{group}/funnel` answers (docs/engineer-page.md#why-is-this-group-empty). */
export interface Funnel {
  readonly apps: readonly { readonly client: string; readonly name: string; readonly status: string }[];
  readonly steps: readonly Step[];
  readonly members?: readonly { readonly member: string; readonly reason?: string }[];
  /** When an app downloaded something of the Group, RFC 3339. */
  readonly lastExport?: string;
  /** Downloads before this instant were not looked at. */
  readonly exportsFrom?: string;
  readonly next?: string;
}
/** Of which Group, for which app (default: any app of its providers), and whom to name. */
export interface Question {
  readonly group: string;
  readonly client?: string | undefined;
  readonly step?: string;
}

/** @param next of the answer before */
export function funnel({ group, client, step }: Question, next?: string): Promise<Asked<Funnel>> {
  const page = next === undefined ? null : new URL(next, location.origin).searchParams.get('page');
  const query: object = {
    ...(client !== undefined && { client }),
    ...(step !== undefined && { step }),
    ...(page !== null && { page }),
  };
  return ask(api.GET('/ops/lists/{group}/funnel', { params: { path: { group }, query } })) as Promise<Asked<Funnel>>;
}

/** The numbers of two answers, with the rest of the second one. */
export function added(before: Funnel, more: Funnel): Funnel {
  const steps = more.steps.map(({ step, members, lost }, n) => {
    const other = before.steps[n]!;
    const sum: Record<string, number> = { ...other.lost };
    for (const [reason, count] of Object.entries(lost)) sum[reason] = (sum[reason] ?? 0) + count;
    return { step, members: members + other.members, lost: sum };
  });
  return { ...more, steps };
}
