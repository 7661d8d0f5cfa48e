import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import type { ExecutionContext } from '@nestjs/common';
import { Refusal } from '@provider-access/kernel';
import { printable } from '@provider-access/kernel/fhir';

/** Refuses parameters that a route of operators does not have. An ignored one would change what the answer means. */
export function refuseUnknownParameters(url: string, known: readonly string[]): void {
  const unknown = [...new URL(url, 'http://localhost').searchParams.keys()].find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const shown = printable(unknown);
  const has = known.length === 0 ? 'It has none' : `It has ${known.join(', ')}`;
  throw new Refusal('not-supported', `This route has no parameter ${shown}. ${has}.`, { expression: shown });
}

/**
 * The parameters that a handler declares as `@Query('name')`. Undefined if it declares `@Query()`, because such a
 * handler reads and refuses parameters itself.
 */
export function declaredParameters(context: ExecutionContext): readonly string[] | undefined {
  const given = (Reflect.getMetadata(ROUTE_ARGS_METADATA, context.getClass(), context.getHandler().name) ??
    {}) as Record<string, { readonly data?: unknown }>;
  const queries = Object.entries(given).filter(([key]) => key.startsWith(`${RouteParamtypes.QUERY}:`));
  if (queries.some(([, { data }]) => typeof data !== 'string')) return undefined;
  return queries.map(([, { data }]) => data as string).reverse();
}
