import type { Lane } from '../../common/time-chart.tsx';
import type { Found, Span } from './requests.ts';
import { isEver, type Names, providersIn, type Say, scopeIn } from './said.ts';

/** One bar of the picture, and one row of the table beside it. */
export interface Row {
  /** A class of the style sheet. */
  readonly kind: string;
  readonly label: string;
  readonly detail: string;
  /** ms since the epoch. Absent: it has no beginning. */
  readonly from?: number;
  /** Absent: it is still in force. */
  readonly to?: number;
  /** Of what is counted by days. */
  readonly count?: number;
}
const DAY_MS = 24 * 3_600_000;

/** Everything about the member in the period, in the order of the lanes. The picture and the table are made of it. */
export function rowsOf({ timeline, seeing }: Found, t: Say): readonly Row[] {
  const { names } = timeline;
  const span = ({ from, to }: Span) => ({
    ...(!isEver(from) && { from: Date.parse(from) }),
    ...(to !== undefined && { to: Date.parse(to) }),
  });
  const appName = (one: { readonly client: string; readonly name?: string }): string => one.name ?? one.client;
  return [
    ...timeline.coverage.map((one) => ({
      ...{ kind: 'coverage', label: t('kind.coverage'), detail: one.coverageId },
      ...span(one),
    })),
    ...timeline.attributions.map((one) => ({ ...provided('attribution', one, names, t), ...span(one) })),
    ...timeline.attestations.map((one) => ({ ...provided('attestation', one, names, t), ...span(one) })),
    ...timeline.optOuts.map((one) => ({
      ...{ kind: 'opt-out', label: t('kind.opt-out'), detail: scopeIn(t, names, one) },
      ...span(one),
    })),
    ...timeline.holds.map((one) => ({
      ...{ kind: 'hold', label: t('kind.hold'), detail: `${one.eventType}, ${one.deadLetter}` },
      ...span(one),
    })),
    ...timeline.sourceHolds.map((one) => ({
      ...{ kind: 'hold', label: t('kind.source-hold'), detail: `${one.source ?? ''}, ${one.deadLetter}` },
      ...span(one),
    })),
    ...timeline.notices.map((one) => ({
      ...{ kind: 'notice', label: t('kind.notice'), detail: one.kind },
      ...span(one),
    })),
    ...(seeing?.apps ?? []).flatMap((app) => [
      ...app.periods.map((one) => ({
        ...{ kind: 'seen', label: t('kind.seen', { name: appName(app) }), detail: app.client },
        ...span(one),
      })),
      ...(app.unknown ?? []).map((one) => ({
        ...{ kind: 'hold', label: t('kind.not-known', { name: appName(app) }), detail: app.client },
        ...span(one),
      })),
    ]),
    ...(seeing?.unknown ?? []).map((one) => ({
      ...{ kind: 'hold', label: t('kind.not-known-all'), detail: '' },
      ...span(one),
    })),
    ...(['released', 'refused'] as const).flatMap((kind) =>
      timeline.releases
        .filter((one) => one[kind] > 0)
        .map((one) => ({
          kind,
          label: t(`kind.${kind}`, { name: appName(one) }),
          detail: t(`count.${kind}`, { count: one[kind] }),
          count: one[kind],
          from: Date.parse(one.day),
          to: Date.parse(one.day) + DAY_MS,
        })),
    ),
  ];
}
const provided = (
  kind: 'attribution' | 'attestation',
  one: Parameters<typeof providersIn>[1],
  names: Names,
  t: Say,
): Row => ({ kind, label: t(`kind.${kind}`, { name: providersIn(names, one) }), detail: '' });

/** Rows of one label are one lane. @param period ms since the epoch */
export function lanesOf(
  rows: readonly Row[],
  period: { readonly from: number; readonly to: number },
  textOf: (row: Row) => string,
): readonly Lane[] {
  const lanes = Map.groupBy(rows, ({ kind, label }) => `${kind} ${label}`);
  return Array.from(lanes, ([key, own]) => {
    const most = Math.max(...own.map(({ count }) => count ?? 0));
    const bars = own.map((row) => ({
      from: row.from ?? period.from,
      to: row.to ?? period.to,
      text: textOf(row),
      // A day with few releases is still seen beside one with many.
      ...(row.count !== undefined && { share: 0.25 + (0.75 * row.count) / most }),
    }));
    return { key, label: own[0]!.label, kind: own[0]!.kind, bars };
  });
}
