import { parseQuery, type QueryOptions, type SearchQuery, type Subset } from '@provider-access/fhir';
import { Refusal, type RefusalKind } from '@provider-access/kernel';

const KINDS: Readonly<Record<string, RefusalKind>> = {
  'not-supported': 'not-supported',
  value: 'invalid-value',
  'too-costly': 'too-costly',
};

/** Parses a search. @throws Refusal that names the parameter */
export function readSearch(type: string, parameters: URLSearchParams, options: QueryOptions): SearchQuery {
  const parsed = parseQuery(type, parameters, options);
  if (parsed.ok) return parsed.query;
  const { code, details, expression } = parsed.issue;
  throw new Refusal(
    KINDS[code] ?? 'invalid-request',
    `${details?.text ?? 'The search is not valid'}.`,
    expression?.[0] === undefined ? {} : { expression: expression[0] },
  );
}

/** The parameters of a read that shape its answer: https://hl7.org/fhir/R4/http.html#read */
export const SHAPES: readonly string[] = ['_summary', '_elements'];

/**
 * The part of a resource that a read asks for, as a search would.
 *
 * @param base as in QueryOptions
 * @throws Refusal that names the parameter
 */
export function readShape(type: string, parameters: URLSearchParams, base: string): Subset {
  const shaping = new URLSearchParams([...parameters].filter(([name]) => SHAPES.includes(name)));
  if (shaping.size === 0) return {};
  const { summary, elements } = readSearch(type, shaping, { base, lenient: false });
  if (summary === 'count')
    throw new Refusal('invalid-value', '_summary=count belongs to a search.', { expression: '_summary' });
  return { ...(summary !== undefined && { summary }), ...(elements !== undefined && { elements }) };
}
