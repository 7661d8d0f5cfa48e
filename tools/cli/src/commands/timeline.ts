interface Span {
  readonly from: string;
  readonly to?: string;
}
interface Provided extends Span {
  readonly providers?: readonly string[];
  readonly provider?: string;
  readonly targets?: readonly string[];
}
/** An answer of `GET /ops/explain/timeline`. */
export interface Timeline {
  readonly member: string;
  readonly from: string;
  readonly to: string;
  /** False if the payer never said anything about the member. */
  readonly known: boolean;
  readonly coverage: readonly (Span & { readonly coverageId: string })[];
  readonly attributions: readonly Provided[];
  readonly attestations: readonly Provided[];
  readonly optOuts: readonly (Provided & { readonly scope: string })[];
  readonly holds: readonly (Span & { readonly deadLetter: string })[];
  readonly sourceHolds: readonly (Span & { readonly deadLetter: string })[];
  readonly notices: readonly (Span & { readonly kind: string })[];
  /** Names of providers, as the directory of the payer has them. */
  readonly names: Readonly<Record<string, string>>;
  readonly releases: readonly {
    readonly day: string;
    readonly client: string;
    readonly name?: string;
    readonly released: number;
    readonly refused: number;
  }[];
  /** Older releases of the period are not counted. */
  readonly releasesFrom?: string;
}

/** A line for each interval and for each day of an app, in the order of their beginnings. */
export function timelineInWords(timeline: Timeline): readonly string[] {
  const { member, from, to, known, names, releases, releasesFrom } = timeline;
  const named = ({ providers = [], provider, targets = [] }: Provided): string =>
    [...providers, ...targets, ...(provider === undefined ? [] : [provider])]
      .map((key) => (names[key] === undefined ? key.replace('|', ' ') : `${names[key]} (${key.replace('|', ' ')})`))
      .join(', ');
  const spans: readonly (readonly [Span, string])[] = [
    ...timeline.coverage.map((one) => [one, `coverage ${one.coverageId}`] as const),
    ...timeline.attributions.map((one) => [one, `attributed to ${named(one)}`] as const),
    ...timeline.attestations.map((one) => [one, `attested by ${named(one)}`] as const),
    ...timeline.optOuts.map((one) => [one, `opt-out (${one.scope}) ${named(one)}`.trimEnd()] as const),
    ...timeline.holds.map((one) => [one, `held by dead letter ${one.deadLetter}`] as const),
    ...timeline.sourceHolds.map((one) => [one, `a whole source held by dead letter ${one.deadLetter}`] as const),
    ...timeline.notices.map((one) => [one, `notice (${one.kind})`] as const),
  ];
  const lines: readonly (readonly [at: string, line: string])[] = [
    ...spans.map(([span, what]) => [span.from, `${span.from} to ${span.to ?? 'now'}: ${what}`] as const),
    ...releases.map(
      (one) =>
        [
          one.day,
          `${one.day}: ${one.name ?? one.client} (${one.client}): ${one.released} released, ${one.refused} refused`,
        ] as const,
    ),
  ];
  return [
    `Member ${member} from ${from} to ${to}:`,
    ...(known ? [] : ['Nothing was ever said about this member.']),
    ...lines.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, line]) => line),
    ...(releasesFrom === undefined ? [] : [`There are older releases of the period, before ${releasesFrom}.`]),
  ];
}
