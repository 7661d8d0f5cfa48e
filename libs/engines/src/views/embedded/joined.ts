import type { StatementSync } from 'node:sqlite';
import { decoderOf } from '../encoding.ts';
import { bytesOfJoined, type JoinedBody, type ViewDocument } from '../projection.ts';
import { bytesOfBodies, type QueryPlan } from '../query.ts';
import { MARKS } from './joined-sql.ts';
import { documentOf, type Statements } from './statements.ts';

type JoinedRow = readonly [bodies: Uint8Array | null, documents: string, texts: string | null];
const [ZERO, LARGE, OTHER] = ['0', MARKS.large, MARKS.other].map((sign) => sign.charCodeAt(0)) as [
  number,
  number,
  number,
];

/**
 * The documents of a `find` with joined bodies. All bodies that are joined fit into `maxBytes`, however large they are:
 * a body that is larger than its share is read by itself, until the answer is full.
 * @param values of the statement, without the share
 */
export function joinedDocuments(
  statements: Statements,
  statement: StatementSync,
  plan: QueryPlan,
  values: readonly (string | number | null)[],
): readonly ViewDocument[] {
  const { layout } = statements;
  const [{ name, bodies }] = layout.parts as readonly [(typeof layout.parts)[number]];
  const { field } = bodies.find(({ path }) => path === plan.bodies[0])!;
  const share = Math.floor(plan.maxBytes / plan.limit);
  const row = statement.get(share, ...values) as unknown as JoinedRow;
  const bytes = row[0] === null ? Buffer.alloc(0) : Buffer.from(row[0].buffer, row[0].byteOffset, row[0].byteLength);
  const texts = row[2] === null ? [] : (JSON.parse(row[2]) as string[]);
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
      const large = alone(statements, plan, _id);
      // With a document less than the limit, the caller would take this answer for the last one.
      found.push(large ?? { _id, [name]: { json } });
      loaded += bytesOfBodies(large, plan.bodies);
    } else {
      const body: JoinedBody = { bytes, start, end };
      found.push({ _id, [name]: isApart ? { json } : partOf(field, body, json) });
      loaded += size;
    }
    start = end;
    if (loaded >= plan.maxBytes) break;
  }
  return found;
}

const partOf = (field: string, body: JoinedBody, json: string | undefined): object =>
  json === undefined ? { [field]: body } : { json, [field]: bytesOfJoined(body) };

/** A document whose body is too large to be joined; undefined if another connection has removed it since. */
function alone(statements: Statements, plan: QueryPlan, id: string): ViewDocument | undefined {
  const statement = statements.get({ bodies: plan.bodies, plain: undefined }, false);
  const row = statement.get(...statements.rowIds.valuesOf(id)) as unknown as readonly unknown[] | undefined;
  return row && documentOf(statements.layout, row, plan.bodies, decoderOf(plan));
}
