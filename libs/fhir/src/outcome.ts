/** Severities and the issue types in use here (http://hl7.org/fhir/issue-type). */
export type IssueSeverity = 'fatal' | 'error' | 'warning' | 'information';
export type IssueType =
  | 'invalid'
  | 'structure'
  | 'required'
  | 'value'
  | 'login'
  | 'forbidden'
  | 'not-supported'
  | 'not-found'
  | 'deleted'
  | 'too-long'
  | 'too-costly'
  | 'conflict'
  | 'transient'
  | 'no-store'
  | 'exception'
  | 'timeout'
  | 'incomplete'
  | 'business-rule'
  | 'throttled'
  | 'informational';

export interface OperationOutcomeIssue {
  readonly severity: IssueSeverity;
  readonly code: IssueType;
  readonly details?: { readonly text: string };
  readonly diagnostics?: string;
  readonly expression?: readonly string[];
}

export interface OperationOutcome {
  readonly resourceType: 'OperationOutcome';
  readonly issue: readonly OperationOutcomeIssue[];
}

/**
 * One issue. `text` is for people (details.text) and must not hold PHI; `expression` is FHIRPath or a parameter name.
 */
export function outcomeIssue(
  severity: IssueSeverity,
  code: IssueType,
  text: string,
  expression?: string | readonly string[],
): OperationOutcomeIssue {
  const where = expression === undefined ? [] : typeof expression === 'string' ? [expression] : expression;
  return { severity, code, details: { text }, ...(where.length > 0 ? { expression: where } : {}) };
}

export function operationOutcome(
  severity: IssueSeverity,
  code: IssueType,
  text: string,
  expression?: string | readonly string[],
): OperationOutcome {
  return { resourceType: 'OperationOutcome', issue: [outcomeIssue(severity, code, text, expression)] };
}
