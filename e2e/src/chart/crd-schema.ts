/** The part of a custom resource's OpenAPI schema that matters here. */
interface OpenApi {
  type?: string | string[];
  properties?: Record<string, OpenApi>;
  additionalProperties?: OpenApi | boolean;
  items?: OpenApi;
  nullable?: boolean;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  [more: string]: unknown;
}
export interface Definition {
  spec: {
    group: string;
    names: { kind: string };
    versions: { name: string; served: boolean; schema: { openAPIV3Schema: OpenApi } }[];
  };
}

/**
 * As a JSON schema that refuses unknown fields. The API server removes such fields, and `kubeconform -strict` should
 * report them.
 */
function strict(schema: OpenApi): OpenApi {
  const { nullable, ...rest } = schema;
  const out: OpenApi = { ...rest };
  if (schema['x-kubernetes-int-or-string'] === true)
    return {
      ...(schema.description !== undefined && { description: schema.description }),
      type: ['integer', 'string'],
    };
  if (schema.properties !== undefined) {
    out.properties = Object.fromEntries(Object.entries(schema.properties).map(([name, each]) => [name, strict(each)]));
    if (schema['x-kubernetes-preserve-unknown-fields'] !== true && schema.additionalProperties === undefined)
      out.additionalProperties = false;
  }
  if (typeof schema.additionalProperties === 'object') out.additionalProperties = strict(schema.additionalProperties);
  if (schema.items !== undefined) out.items = strict(schema.items);
  if (nullable === true && typeof schema.type === 'string') out.type = [schema.type, 'null'];
  return out;
}

/** JSON schemas of a definition, by the name under which kubeconform looks for them: `httproute_v1.json`. */
export function jsonSchemas({ spec }: Definition): Readonly<Record<string, object>> {
  return Object.fromEntries(
    spec.versions
      .filter(({ served }) => served)
      .map(({ name, schema }) => {
        const root = strict(schema.openAPIV3Schema);
        // The API server defines its fields.
        root.properties = { ...root.properties, metadata: { type: 'object' } };
        return [`${spec.names.kind.toLowerCase()}_${name}.json`, root];
      }),
  );
}
