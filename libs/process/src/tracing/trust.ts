/** The part of a request that decides. */
interface Routed {
  readonly routeOptions: { readonly url?: string | undefined };
}

/**
 * Whether a request of a service may go on with the trace that it names. `all`: the operator says that whoever is in
 * front sets that header or removes it. What export has under a Group is reached through attribution alone
 * (docs/architecture.md#routes), which puts its own header there.
 */
export function mayTrace(service: string, all: boolean): boolean | ((request: Routed) => boolean) {
  if (all || service !== 'export') return all;
  return ({ routeOptions }) => routeOptions.url?.startsWith('/fhir/Group/') === true;
}
