import { PassThrough } from 'node:stream';
import { afterEach, expect, test, vi } from 'vitest';
import { countLines, createOutput, painted, table } from './output.ts';

const sink = (isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } => {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 40 });
  const chunks: string[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString('utf8')));
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => chunks.join('') };
};

afterEach(() => vi.unstubAllEnvs());

test('--json prints one JSON value, otherwise lines; nothing else goes to standard output', () => {
  const plain = sink(false);
  const json = sink(false);
  const err = sink(false);
  createOutput(false, plain.stream, err.stream).result({ a: 1 }, ['a is 1', 'that is all']);
  const out = createOutput(true, json.stream, err.stream);
  out.note('for people');
  out.progress('working').done('done');
  out.result({ a: 1 }, ['a is 1']);
  expect(plain.text()).toBe('a is 1\nthat is all\n');
  expect(json.text()).toBe('{"a":1}\n');
  expect(err.text()).toBe('for people\nworking done\n');
});

test('no line and no JSON holds a character that could change what is beside it on a terminal', () => {
  const name = 'a\u001b[2J\u009b2Jb\u202ec\u2028d';
  const [plain, json, err] = [sink(false), sink(false), sink(false)];
  createOutput(false, plain.stream, err.stream).result({ name }, [name, 'Zoë 李 Ünal']);
  const out = createOutput(true, json.stream, err.stream);
  out.result({ name }, []);
  out.note(name);
  expect(plain.text()).toBe('a\uFFFD[2J\uFFFD2Jb\uFFFDc\uFFFDd\nZoë 李 Ünal\n');
  for (const { text } of [plain, json, err]) expect(text().replaceAll('\n', '')).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  expect(JSON.parse(json.text())).toEqual({ name });
});

test('progress rewrites one line on a terminal; in a pipe or a simple terminal it prints a few plain lines', () => {
  const terminal = sink(true);
  const pipe = sink(false);
  const dumb = sink(true);
  for (const [{ stream }, term] of [
    [terminal, 'xterm'],
    [pipe, 'xterm'],
    [dumb, 'dumb'],
  ] as const) {
    vi.stubEnv('TERM', term);
    const progress = createOutput(false, sink(false).stream, stream).progress('export');
    for (let i = 1; i <= 100; i++) progress.update(`${i} %`);
    progress.done('100 files');
  }
  expect(terminal.text()).toContain('\r\u001b[2Kexport 57 %');
  for (const plain of [pipe, dumb]) expect(plain.text()).toBe('export 1 %\nexport 100 files\n');
});

test('a table is as wide as its widest cell and has no trailing blanks', () => {
  expect(
    table(
      ['id', 'state'],
      [
        ['a-long-id', 'ok'],
        ['b', ''],
      ],
    ),
  ).toEqual(['id         state', '---------  -----', 'a-long-id  ok', 'b']);
});

test('shows where most of what is counted is, and says how many rows it leaves out', () => {
  expect(countLines('things', {})).toEqual([]);
  expect(countLines('things', { b: 2, c: 2, a: 5 })).toEqual(['things: 9', '  a: 5', '  b: 2', '  c: 2']);
  const many = Object.fromEntries(Array.from({ length: 14 }, (_, index) => [`path-${index}`, 1]));
  expect(countLines('things', many)).toHaveLength(12);
  expect(countLines('things', many).at(-1)).toBe('  … 4 more with --json');
});

test('a terminal that says it has no columns shows progress', () => {
  const terminal = sink(true);
  Object.assign(terminal.stream, { columns: 0 });
  vi.stubEnv('TERM', 'xterm');
  createOutput(false, sink(false).stream, terminal.stream).progress('export').update('57 %');
  expect(terminal.text()).toContain('export 57 %');
});

test('colours are for terminals, and not with NO_COLOR', () => {
  vi.stubEnv('TERM', 'xterm');
  vi.stubEnv('NO_COLOR', '');
  expect(painted('red', 'pa:', sink(true).stream)).toBe('\u001b[31mpa:\u001b[39m');
  expect(painted('red', 'pa:', sink(false).stream)).toBe('pa:');
  vi.stubEnv('NO_COLOR', '1');
  expect(painted('red', 'pa:', sink(true).stream)).toBe('pa:');
});
