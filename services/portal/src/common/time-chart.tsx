import { timeTicks } from 'd3-time';
import { useEffect, useId, useRef, useState } from 'react';

/** What lasts from one instant to another one, in ms since the epoch. */
interface Bar {
  readonly from: number;
  readonly to: number;
  /** What it is, as the table beside the picture says it. */
  readonly text: string;
  /** Height as a share of its lane. Default: 1. */
  readonly share?: number;
}
/** One line of the picture. */
export interface Lane {
  readonly key: string;
  readonly label: string;
  /** A class of the style sheet. The label says the same, so nobody has to tell colours apart. */
  readonly kind: string;
  readonly bars: readonly Bar[];
}
interface TimeChartProps {
  readonly title: string;
  /** What a screen reader says instead of the picture: where the same is as a table. */
  readonly description: string;
  readonly from: number;
  readonly to: number;
  readonly lanes: readonly Lane[];
  readonly tick: (at: Date) => string;
}

const LANE = 44;
const LABEL = 15;
const BAR = 18;
const AXIS = 28;
const SIDE = 6;
/** Pixels. What is shorter would not be seen. */
const LEAST = 3;
/** Pixels between two dates on the axis. */
const STEP = 110;

/**
 * Lanes over one axis of time, as one picture (ADR 0147). It draws in pixels of the screen, so that texts keep their
 * size on a phone. All looks are classes: the policy of the server allows no inline style.
 */
export function TimeChart({ title, description, from, to, lanes, tick }: TimeChartProps) {
  const here = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(640);
  const id = useId();
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.max(240, Math.floor(entry!.contentRect.width))));
    observer.observe(here.current!);
    return () => observer.disconnect();
  }, []);
  const x = (at: number): number =>
    SIDE + ((Math.min(to, Math.max(from, at)) - from) / (to - from)) * (width - 2 * SIDE);
  const bottom = lanes.length * LANE;
  const ticks = timeTicks(new Date(from), new Date(to), Math.max(6, Math.floor(width / STEP)));
  const labels = labelsOf(
    ticks.map((at) => ({ x: x(at.getTime()), text: tick(at) })),
    width,
  );
  return (
    <div className="chart" ref={here}>
      <svg role="img" aria-labelledby={`${id}t ${id}d`} width={width} height={bottom + AXIS}>
        <title id={`${id}t`}>{title}</title>
        <desc id={`${id}d`}>{description}</desc>
        {labels.map((label) => (
          <g key={label.x} className="tick-line">
            <line x1={label.x} x2={label.x} y1={0} y2={bottom + 6} />
            <text x={label.left} y={bottom + 22}>
              {label.text}
            </text>
          </g>
        ))}
        {lanes.map((lane, n) => (
          <g key={lane.key} className={`lane ${lane.kind}`} transform={`translate(0 ${n * LANE})`}>
            <line className="base" x1={SIDE} x2={width - SIDE} y1={LABEL + BAR + 5} y2={LABEL + BAR + 5} />
            <text x={SIDE} y={LABEL - 2}>
              {shortened(lane.label, width)}
            </text>
            {lane.bars.map((bar, at) => {
              const left = Math.min(x(bar.from), width - SIDE - LEAST);
              const height = Math.max(LEAST, BAR * (bar.share ?? 1));
              return (
                <rect
                  key={at}
                  x={left}
                  y={LABEL + 5 + BAR - height}
                  width={Math.max(LEAST, x(bar.to) - left)}
                  height={height}
                >
                  <title>{bar.text}</title>
                </rect>
              );
            })}
          </g>
        ))}
      </svg>
    </div>
  );
}

/** Pixels of a letter, at most on average. */
const LETTER = 8;
const BOLD = 8.8;
const GAP = 10;
interface Tick {
  readonly x: number;
  readonly text: string;
}
/** The dates of the axis, each with where its text begins. What would cover the date before it is left out. */
function labelsOf(ticks: readonly Tick[], width: number): readonly (Tick & { readonly left: number })[] {
  let end = -GAP;
  return ticks.flatMap((tick) => {
    const size = tick.text.length * LETTER;
    const left = Math.min(width - size, Math.max(0, tick.x - size / 2));
    if (left < end + GAP) return [];
    end = left + size;
    return [{ ...tick, left }];
  });
}
/** A label that fits. */
const shortened = (label: string, width: number): string => {
  const most = Math.floor((width - 2 * SIDE) / BOLD);
  return label.length <= most ? label : `${label.slice(0, most - 1)}…`;
};
