/** Injection tokens of this service. */
export const EXPORT = Symbol('ExportContext');
