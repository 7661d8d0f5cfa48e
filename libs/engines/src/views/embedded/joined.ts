import { decoderOf } from '../encoding.ts';
import { bytesOfJoined, type JoinedBody, type ViewDocument } from '../projection.ts';
import { bytesOfBodies, type LoadPlan, type QueryPlan } from '../query.ts';
import { MARKS } from './joined-sql.ts';
import { versionOf } from './positions.ts';
import { documentOf, type Statements } from './statements.ts';

type JoinedRow = readonly [bodies: Uint8Array | null, documents: string, texts: string | null, positions?: string];
type Plan = Pick<QueryPlan | LoadPlan, 'bodies' | 'fields' | 'maxBytes'>;
const [ZERO, LARGE, OTHER] = ['0', MARKS.large, MARKS.other].map((sign) => sign.charCodeAt(0)) as [
  number,
  number,
  number,
];

/** The size of a body up to which it is joined with others, so that all of them fit into `maxBytes`. */
export const shareOf = ({ maxBytes }: Pick<Plan, 'maxBytes'>, documents: number): number =>
  Math.floor(maxBytes / documents);

/**
 * The documents of a `joinedRow`. A body that is larger than its share is read by itself, until the answer is full.
 * With positions, each document has its version. `isFull` tells that documents behind these were left out, if there are
 * any.
 */
export function joinedDocuments(
  statements: Statements,
  row: JoinedRow,
  plan: Plan,
): { readonly documents: readonly ViewDocument[]; readonly isFull: boolean } {
  const { layout } = statements;
  const [{ name, bodies }] = layout.parts as readonly [(typeof layout.parts)[number]];
  const { field } = bodies.find(({ path }) => path === plan.bodies[0])!;
  const bytes = row[0] === null ? Buffer.alloc(0) : Buffer.from(row[0].buffer, row[0].byteOffset, row[0].byteLength);
  const texts = row[2] === null ? [] : (JSON.parse(row[2]) as string[]);
  const positions = row[3] === undefined ? undefined : (JSON.parse(row[3]) as unknown[]);
  const found: ViewDocument[] = [];
  let [start, loaded, other] = [0, 0, 0];
  for (const text of JSON.parse(row[1]) as string[]) {
    let at = 0;
    let size = 0;
    for (let digit; (digit = text.charCodeAt(at) - ZERO) >= 0 && digit <= 9; at++) size = size * 10 + digit;
    const isApart = at === 0;
    const mark = text.charCodeAt(isApart ? 1 : at);
    const _id = text.slice(isApart ? 2 : at + 1);
    const json = mark === OTHER ? texts[other++]! : undefined;
    const end = start + (isApart ? 1 : size);
    if (isApart && text.charCodeAt(0) === LARGE) {
      const large = alone(statements, plan, _id, positions !== undefined);
      // With a document less than the limit, the caller would take this answer for the last one.
      found.push(large ?? { _id, [name]: { json } });
      loaded += bytesOfBodies(large, plan.bodies);
    } else {
      const part = isApart ? { json } : partOf(field, { bytes, start, end }, json);
      found.push(
        positions === undefined
          ? { _id, [name]: part }
          : { _id, [name]: part, _version: versionOf([positions[found.length]]) },
      );
      loaded += size;
    }
    start = end;
    if (loaded >= plan.maxBytes) break;
  }
  return { documents: found, isFull: loaded >= plan.maxBytes };
}

const partOf = (field: string, body: JoinedBody, json: string | undefined): object =>
  json === undefined ? { [field]: body } : { json, [field]: bytesOfJoined(body) };

/**
 * A document whose body is too large to be joined; undefined if another connection has removed it since. Its version is
 * read with the body.
 */
function alone(statements: Statements, plan: Plan, id: string, versions: boolean): ViewDocument | undefined {
  const statement = statements.get({ bodies: plan.bodies, plain: undefined }, versions);
  const row = statement.get(...statements.rowIds.valuesOf(id)) as unknown as readonly unknown[] | undefined;
  const document = row && documentOf(statements.layout, row, plan.bodies, decoderOf(plan));
  return document && versions ? { ...document, _version: versionOf(row.slice(-1)) } : document;
}
