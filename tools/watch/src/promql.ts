/**
 * The content of an expression: its metrics with the labels that select each, and the labels of its groupings and
 * matchings.
 */
export interface Spoken {
  readonly selectors: readonly { readonly metric: string; readonly labels: readonly string[] }[];
  readonly grouping: readonly string[];
}

const TOKENS = {
  space: /\s+/,
  string: /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/,
  number: /\d[\w.]*/,
  variable: /\$\w+|\$\{\w+\}/,
  word: /[a-zA-Z_][\w:]*/,
  sign: /[=!<>]=|[=!]~|[-+*/%^(){}[\],=<>:@]/,
};
const TOKEN = new RegExp(
  Object.entries(TOKENS)
    .map(([kind, { source }]) => `(?<${kind}>${source})`)
    .join('|'),
  'y',
);
/** These words are followed by a list of labels in brackets. */
const LABEL_LISTS = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right']);
const WORDS = new Set([...LABEL_LISTS, 'and', 'or', 'unless', 'bool', 'offset', 'atan2', 'inf', 'nan', 'start', 'end']);

/**
 * Reads the names out of a PromQL expression. promtool checks the rest.
 * @throws at a character that PromQL does not have
 */
export function namesIn(expr: string): Spoken {
  const tokens = tokensOf(expr);
  const selectors: { metric: string; labels: string[] }[] = [];
  const grouping: string[] = [];
  let i = 0;
  const until = (end: string): string[] => {
    const words: string[] = [];
    for (i += 1; i < tokens.length && tokens[i]!.text !== end; i += 1)
      if (tokens[i]!.kind === 'word') words.push(tokens[i]!.text);
    return words;
  };
  for (; i < tokens.length; i += 1) {
    const { kind, text } = tokens[i]!;
    const next = tokens[i + 1]?.text;
    if (text === '[') until(']');
    else if (kind !== 'word') continue;
    else if (LABEL_LISTS.has(text) && next === '(') {
      i += 1;
      grouping.push(...until(')'));
    } else if (WORDS.has(text.toLowerCase()) || next === '(') continue;
    // `sum by (a) (x)`: the aggregation is followed by its labels.
    else if (next !== undefined && (next === 'by' || next === 'without')) continue;
    else if (next === '{') {
      i += 1;
      selectors.push({ metric: text, labels: until('}') });
    } else selectors.push({ metric: text, labels: [] });
  }
  return { selectors, grouping };
}

function tokensOf(expr: string): { readonly kind: string; readonly text: string }[] {
  const tokens: { kind: string; text: string }[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < expr.length) {
    const at = TOKEN.lastIndex;
    const groups = TOKEN.exec(expr)?.groups;
    if (groups === undefined) throw new Error(`not PromQL at character ${at}: ${expr.slice(at, at + 20)}`);
    const [kind, text] = Object.entries(groups).find(([, value]) => value !== undefined)!;
    if (kind !== 'space') tokens.push({ kind, text: text! });
  }
  return tokens;
}
