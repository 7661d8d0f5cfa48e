import type { AlertRule, Of } from './rules.ts';

/** One value of a metric. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
/** The samples of a metric now. None: nobody measures it here. */
type Measured = (metric: string) => readonly Sample[];
/** What one look at the metrics says of an alert. */
export interface Condition {
  /** The metrics that it reads. */
  readonly metrics: readonly string[];
  /** The samples for which the alert holds now. Prometheus notifies if it holds for `for`. */
  readonly holds: (measured: Measured) => readonly Sample[];
}

/** Selects nothing but the metric and its own labels: a process has no label of its release. */
const ofProcess: Of = (metric, matchers = '') => `${metric}{${matchers}}`;
const known = new WeakMap<AlertRule, Condition | undefined>();

/**
 * The condition of an alert, if one look at metrics decides about it. Undefined if its expression looks back over time
 * or at what is absent, or reads what another program measures. Then only Prometheus knows. It understands the part of
 * PromQL that such expressions use: selectors, aggregations `by`, comparisons, `*` and `/`, `and`, `or` and `unless`.
 */
export function conditionOf(alert: AlertRule): Condition | undefined {
  if (known.has(alert)) return known.get(alert);
  const found = alert.optional === undefined ? read(alert.expr(ofProcess)) : undefined;
  known.set(alert, found);
  return found;
}

function read(expr: string): Condition | undefined {
  const parser = new Parser(expr);
  try {
    const evaluate = parser.whole();
    return {
      metrics: [...parser.metrics],
      holds: (measured) => {
        const found = evaluate(measured);
        return typeof found === 'number' ? [] : found;
      },
    };
  } catch (error) {
    if (error instanceof NeedsPrometheus) return undefined;
    throw error;
  }
}

class NeedsPrometheus extends Error {}

type Value = number | readonly Sample[];
type Evaluate = (measured: Measured) => Value;
/** By which labels two sides match. Undefined: all. */
type On = readonly string[] | undefined;

const AGGREGATIONS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  max: (values) => Math.max(...values),
  min: (values) => Math.min(...values),
  sum: (values) => values.reduce((sum, value) => sum + value, 0),
  count: (values) => values.length,
};
const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '>': (a, b) => a > b,
  '<': (a, b) => a < b,
  '>=': (a, b) => a >= b,
  '<=': (a, b) => a <= b,
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
};
const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};
const MATCHERS: Readonly<Record<string, (value: string, of: string) => boolean>> = {
  '=': (value, of) => value === of,
  '!=': (value, of) => value !== of,
  '=~': (value, of) => new RegExp(`^(?:${of})$`).test(value),
  '!~': (value, of) => !new RegExp(`^(?:${of})$`).test(value),
};
/** From the loosest to the tightest. */
const LEVELS: readonly (readonly string[])[] = [
  ['or'],
  ['and', 'unless'],
  Object.keys(COMPARISONS),
  Object.keys(ARITHMETIC),
];
const TOKEN = /\s*(?:([a-zA-Z_][\w:]*)|(\d[\d.]*)|"([^"]*)"|([=!<>]=|[=!]~|[-+*/(){}[\],=<>]))/y;

class Parser {
  readonly metrics = new Set<string>();
  readonly #tokens: string[] = [];
  #at = 0;

  constructor(expr: string) {
    const text = expr.trimEnd();
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.length) {
      const [whole, , , quoted] = TOKEN.exec(text) ?? [];
      if (whole === undefined) throw new NeedsPrometheus();
      this.#tokens.push(quoted === undefined ? whole.trim() : `"${quoted}`);
    }
  }

  whole(): Evaluate {
    const evaluate = this.#level(0);
    if (this.#at < this.#tokens.length) throw new NeedsPrometheus();
    return evaluate;
  }

  #next(): string {
    return this.#tokens[this.#at] ?? '';
  }
  #take(expected?: string): string {
    const token = this.#next();
    if (token === '' || (expected !== undefined && token !== expected)) throw new NeedsPrometheus();
    this.#at += 1;
    return token;
  }
  /** `(a, b)` */
  #labels(): string[] {
    const labels: string[] = [];
    this.#take('(');
    while (this.#next() !== ')') {
      labels.push(this.#take());
      if (this.#next() === ',') this.#take();
    }
    this.#take(')');
    return labels;
  }

  #level(n: number): Evaluate {
    const operators = LEVELS[n];
    if (operators === undefined) return this.#operand();
    let left = this.#level(n + 1);
    while (operators.includes(this.#next())) {
      const operator = this.#take();
      let on: On;
      if (this.#next() === 'on') {
        this.#take();
        on = this.#labels();
      }
      left = binary(operator, left, this.#level(n + 1), on);
    }
    return left;
  }

  #operand(): Evaluate {
    const token = this.#take();
    if (token === '(') {
      const inner = this.#level(0);
      this.#take(')');
      return inner;
    }
    if (/^\d/.test(token)) return () => Number(token);
    const aggregate = AGGREGATIONS[token];
    if (aggregate !== undefined) return this.#aggregation(aggregate);
    if (this.#next() === '{') return this.#selector(token);
    throw new NeedsPrometheus();
  }

  #aggregation(aggregate: (values: readonly number[]) => number): Evaluate {
    this.#take('by');
    const by = this.#labels();
    this.#take('(');
    const inner = this.#level(0);
    this.#take(')');
    return (measured) => {
      const groups = new Map<string, { labels: Sample['labels']; values: number[] }>();
      for (const { labels, value } of samplesOf(inner(measured))) {
        const own = picked(labels, by);
        const key = JSON.stringify(own);
        const group = groups.get(key) ?? { labels: own, values: [] };
        group.values.push(value);
        groups.set(key, group);
      }
      return Array.from(groups.values(), ({ labels, values }) => ({ labels, value: aggregate(values) }));
    };
  }

  #selector(metric: string): Evaluate {
    this.metrics.add(metric);
    const matchers: ((labels: Sample['labels']) => boolean)[] = [];
    this.#take('{');
    while (this.#next() !== '}') {
      const label = this.#take();
      const matches = MATCHERS[this.#take()];
      const text = this.#take();
      if (matches === undefined || !text.startsWith('"')) throw new NeedsPrometheus();
      matchers.push((labels) => matches(labels[label] ?? '', text.slice(1)));
      if (this.#next() === ',') this.#take();
    }
    this.#take('}');
    // A range or an offset looks back.
    if (this.#next() === '[' || this.#next() === 'offset') throw new NeedsPrometheus();
    return (measured) => measured(metric).filter(({ labels }) => matchers.every((matches) => matches(labels)));
  }
}

const samplesOf = (value: Value): readonly Sample[] => (typeof value === 'number' ? [] : value);
const picked = (labels: Sample['labels'], by: readonly string[]): Sample['labels'] =>
  Object.fromEntries(by.flatMap((name) => (labels[name] === undefined ? [] : [[name, labels[name]]])));
const keyOf = (labels: Sample['labels'], on: On): string =>
  JSON.stringify(Object.entries(on === undefined ? labels : picked(labels, on)).toSorted());

function binary(operator: string, left: Evaluate, right: Evaluate, on: On): Evaluate {
  const compare = COMPARISONS[operator];
  const compute = ARITHMETIC[operator];
  return (measured) => {
    const a = left(measured);
    const b = right(measured);
    if (compare === undefined && compute === undefined) return ofSets(operator, samplesOf(a), samplesOf(b), on);
    if (typeof a === 'number' && typeof b === 'number') {
      if (compute === undefined) throw new TypeError('an alert compares two numbers');
      return compute(a, b);
    }
    const other = typeof b === 'number' ? undefined : new Map(b.map((one) => [keyOf(one.labels, on), one]));
    // A number on the left scales or bounds the samples on the right.
    const pairs =
      typeof a === 'number'
        ? samplesOf(b).map((one) => ({ one, x: a, y: one.value }))
        : a.flatMap((one) => {
            const y = typeof b === 'number' ? b : other!.get(keyOf(one.labels, on))?.value;
            return y === undefined ? [] : [{ one, x: one.value, y }];
          });
    if (compare !== undefined) return pairs.filter(({ x, y }) => compare(x, y)).map(({ one }) => one);
    return pairs.map(({ one, x, y }) => ({
      labels: on === undefined ? one.labels : picked(one.labels, on),
      value: compute!(x, y),
    }));
  };
}

function ofSets(operator: string, a: readonly Sample[], b: readonly Sample[], on: On): readonly Sample[] {
  const keys = new Set((operator === 'or' ? a : b).map(({ labels }) => keyOf(labels, on)));
  if (operator === 'or') return [...a, ...b.filter(({ labels }) => !keys.has(keyOf(labels, on)))];
  return a.filter(({ labels }) => keys.has(keyOf(labels, on)) === (operator === 'and'));
}
