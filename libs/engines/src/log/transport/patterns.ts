import { EventPattern } from '@nestjs/microservices';

/** Pattern of a method that handles batches (`@Payload()`). Its promise acknowledges the batch. */
export interface BatchPattern {
  readonly group: string;
  readonly topics: readonly string[];
  /** Most records in a batch. Default 500. */
  readonly maxRecords?: number;
}

/** Pattern of a method that is called when this process gets partitions of a group, before their first batch. */
export interface AssignedPattern {
  readonly group: string;
  readonly on: 'assigned';
}

/** `@EventPattern(pattern)` with the pattern checked by the compiler. */
export const OnBatch = (pattern: BatchPattern): MethodDecorator => EventPattern(pattern);

/** `@EventPattern({ group, on: 'assigned' })`. The partitions' first batch waits for the method's promise. */
export const OnAssigned = (pattern: { readonly group: string }): MethodDecorator =>
  EventPattern({ group: pattern.group, on: 'assigned' } satisfies AssignedPattern);

export const isBatchPattern = (pattern: unknown): pattern is BatchPattern =>
  isGroup(pattern) &&
  Array.isArray(pattern.topics) &&
  pattern.topics.length > 0 &&
  pattern.topics.every((topic) => typeof topic === 'string');

export const isAssignedPattern = (pattern: unknown): pattern is AssignedPattern =>
  isGroup(pattern) && pattern.on === 'assigned';

const isGroup = (pattern: unknown): pattern is { group: string; topics?: unknown; on?: unknown } =>
  typeof pattern === 'object' && pattern !== null && typeof (pattern as { group?: unknown }).group === 'string';
