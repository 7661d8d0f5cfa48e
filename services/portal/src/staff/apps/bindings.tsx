import { useState } from 'react';
import { Button, Notice } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { type Lane, TimeChart } from '../../common/time-chart.tsx';
import { useSpeech } from '../texts.ts';
import { EndForm } from './end-form.tsx';
import { approvedSpans, type Binding, isInForce, labelOf, overlap, type ShownApp, type Span } from './shapes.ts';

/** Lanes of the picture. The table has every binding. */
const MOST_LANES = 12;
const DAY_MS = 24 * 3_600_000;

interface BindingsProps {
  readonly app: ShownApp;
  readonly decides: boolean;
  readonly decided: (after: ShownApp, text: string) => void;
}
/** To which identifiers the app was bound and when, as a picture and as a table. */
export function Bindings({ app, decides, decided }: BindingsProps) {
  const { t, date } = useSpeech();
  const [ending, setEnding] = useState<Binding>();
  const now = Date.now();
  if (app.bindings.length === 0) return null;
  const untilOf = (one: Binding): string => {
    if (one.to !== undefined) return date(one.to);
    return app.status === 'approved' ? t('app.now') : t('app.stopped');
  };
  return (
    <>
      <section className="sheet">
        <h2>{t('app.bindings')}</h2>
        <Picture app={app} now={now} />
        <Rows
          title={t('app.bindings')}
          columns={[t('app.identifier'), t('app.from'), t('app.to'), t('app.by'), t('app.evidence')]}
        >
          {app.bindings.map((one, at) => (
            <tr key={at}>
              <td>{labelOf(one)}</td>
              <td>{date(one.from)}</td>
              <td>
                {untilOf(one)}
                {decides && isInForce(one, now) && app.status === 'approved' && (
                  <div>
                    <Button onPress={() => setEnding(one)} aria-label={t('decide.end', { identifier: labelOf(one) })}>
                      {t('app.end')}
                    </Button>
                  </div>
                )}
              </td>
              <td>{one.by}</td>
              <td>
                <bdi>{one.evidence}</bdi>
              </td>
            </tr>
          ))}
        </Rows>
        {app.bindings_not_shown !== undefined && (
          <Notice kind="note">{t('app.bindings.hidden', { count: app.bindings_not_shown })}</Notice>
        )}
      </section>
      {ending !== undefined && (
        <EndForm
          kind="end"
          app={app}
          binding={ending}
          cancel={() => setEnding(undefined)}
          decided={(after) => {
            setEnding(undefined);
            decided(after, t('decide.ended'));
          }}
        />
      )}
    </>
  );
}

/** Each bar is a time in which the app was approved and bound: neither alone lets it see anything. */
function Picture({ app, now }: { readonly app: ShownApp; readonly now: number }) {
  const { t, date, language } = useSpeech();
  const approved = approvedSpans(app, now);
  const spanOf = ({ from, to }: Binding): Span => ({
    from: Date.parse(from),
    to: to === undefined ? Infinity : Date.parse(to),
  });
  const all = Map.groupBy(app.bindings, labelOf);
  const shown = [...all].slice(0, MOST_LANES);
  const spans = shown.flatMap(([, own]) => own.map(spanOf));
  const ends = spans.map(({ to }) => to).filter(Number.isFinite);
  const from = Math.min(...approved.map((one) => one.from), ...spans.map((one) => one.from));
  // A day at least, so that the axis has dates.
  const to = Math.max(now, from + DAY_MS, ...ends);
  const textOf = (label: string, span: Span): string =>
    `${label} (${date(span.from)} – ${span.to >= now && span.to >= to ? t('app.now') : date(span.to)})`;
  const lane = (label: string, kind: string, bars: readonly Span[]): Lane => ({
    key: label,
    label,
    kind,
    bars: bars.map((one) => ({ from: one.from, to: Math.min(one.to, to), text: textOf(label, one) })),
  });
  const lanes = [
    lane(`${t('app.picture.state')}: ${t('status.approved')}`, 'approved', approved),
    ...shown.map(([label, own]) =>
      lane(
        label,
        'seen',
        own.flatMap((one) => overlap(spanOf(one), approved)),
      ),
    ),
  ];
  const format = new Intl.DateTimeFormat(
    language,
    (to - from) / DAY_MS > 120 ? { month: 'short', year: 'numeric' } : { day: 'numeric', month: 'short' },
  );
  const text = t('app.picture.text', { from: date(from), to: date(to) });
  return (
    <>
      <p>{text}</p>
      <TimeChart
        title={t('app.picture')}
        description={text}
        from={from}
        to={to}
        lanes={lanes}
        tick={(at) => format.format(at)}
      />
      {all.size > shown.length && <p>{t('app.picture.more', { shown: shown.length, all: all.size })}</p>}
    </>
  );
}
