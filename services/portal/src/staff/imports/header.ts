/** Enough for the first line of any file. */
const SAMPLE = 64 * 1024;
const SEPARATORS = [',', ';', '\t', '|'];
const MOST_COLUMNS = 200;

/**
 * The columns that the first line of a file names, so that a person can say which is which. It is read here, because
 * the server names no content of a file. Empty if the file has no such line.
 */
export async function columnsOf(file: Blob): Promise<readonly string[]> {
  const bytes = await sampleOf(file);
  const lines = decoded(bytes).split(/\r\n|\n|\r/);
  const named = /^sep=(.)$/i.exec(lines[0] ?? '')?.[1];
  const header = (named === undefined ? lines[0] : lines[1]) ?? '';
  const cells = cellsOf(header, named ?? separatorOf(header));
  return [...new Set(cells.filter((cell) => cell !== ''))].slice(0, MOST_COLUMNS);
}

async function sampleOf(file: Blob): Promise<Uint8Array<ArrayBuffer>> {
  const start = new Uint8Array(await file.slice(0, SAMPLE).arrayBuffer());
  if (start[0] !== 0x1f || start[1] !== 0x8b) return start;
  const reader = file.stream().pipeThrough(new DecompressionStream('gzip')).getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return (value ?? start).slice(0, SAMPLE);
}

function decoded(bytes: Uint8Array<ArrayBuffer>): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

/** The separator that makes the most cells. */
function separatorOf(header: string): string {
  const outside = header.replaceAll(/"[^"]*"/g, '');
  const counts = SEPARATORS.map((one) => outside.split(one).length);
  return SEPARATORS[counts.indexOf(Math.max(...counts))]!;
}

function cellsOf(line: string, separator: string): string[] {
  const cells: string[] = [];
  let cell = '';
  let isQuoted = false;
  for (const one of line)
    if (one === '"') isQuoted = !isQuoted;
    else if (one === separator && !isQuoted) {
      cells.push(cell.trim());
      cell = '';
    } else cell += one;
  return [...cells, cell.trim()];
}
