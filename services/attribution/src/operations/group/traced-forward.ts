import { onward } from '@provider-access/service/http';
import { SpanKind, type Tracing } from '@provider-access/service/observability';
import type { ForwardedRequest, ForwardExport } from './export.controller.ts';

/** Export is told where it is called from by a header of ours; what came from outside under that name ends here. */
export function tracedForward(forward: ForwardExport, tracing: Tracing | undefined): ForwardExport {
  const passed = (request: ForwardedRequest): ForwardedRequest => ({
    ...request,
    headers: onward(tracing, request.headers) as ForwardedRequest['headers'],
  });
  if (tracing === undefined) return (request) => forward(passed(request));
  return (request) =>
    tracing.span(
      request.method,
      { kind: SpanKind.CLIENT, attributes: { 'http.request.method': request.method, 'peer.service': 'export' } },
      async (span) => {
        const answer = await forward(passed(request));
        span?.setAttribute('http.response.status_code', answer.status);
        return answer;
      },
    );
}
