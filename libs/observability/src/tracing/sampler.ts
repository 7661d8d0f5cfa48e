import { trace, type Attributes, type Context, type Link, type SpanKind } from '@opentelemetry/api';
import { ParentBasedSampler, SamplingDecision, TraceIdRatioBasedSampler, type Sampler, type SamplingResult } from '@opentelemetry/sdk-trace';
import { isSampled } from './traceparent.ts';
import { SAMPLE } from './tracing.ts';

/** By the parent; without one by the ratio, unless it follows from something that is recorded. */
export class FollowingSampler implements Sampler {
  readonly #usual: Sampler;
  constructor(ratio: number) {
    this.#usual = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) });
  }
  shouldSample(context: Context, traceId: string, name: string, kind: SpanKind, attributes: Attributes, links: Link[]): SamplingResult {
    if (context.getValue(SAMPLE) === true && !isSampled(trace.getSpanContext(context))) return { decision: SamplingDecision.RECORD_AND_SAMPLED };
    return this.#usual.shouldSample(context, traceId, name, kind, attributes, links);
  }
  toString(): string {
    return `FollowingSampler{${this.#usual.toString()}}`;
  }
}
