/**
 * What `/providers` says about lines of business, one sentence each. A deployment without a table of lines shares the
 * data of all lines.
 */
export const linesOfBusiness = (): readonly string[] => ['All lines of business are open.'];
