{{- /* Generated from libs/events/src/routes.ts by `npm run chart`: which prefix belongs to whom. */}}
{{- define "pa.publicRoutes" -}}
- { prefix: /, service: auth, exact: true }
- { prefix: /auth, service: auth }
- { prefix: /portal, service: auth }
- { prefix: /notice, service: auth }
- { prefix: /providers, service: auth }
- { prefix: /status, service: auth }
- { prefix: /.well-known, service: auth }
- { prefix: /docs, service: auth }
- { prefix: /openapi.json, service: auth }
- { prefix: /fhir/.well-known, service: auth }
- { prefix: /refusals, service: attribution }
- { prefix: /fhir/Group, service: attribution }
- { prefix: /fhir/bulk, service: export }
- { prefix: /fhir, service: resources }
{{- end }}

{{- define "pa.internalRoutes" -}}
- { prefix: /auth, service: auth }
- { prefix: /portal, service: auth }
- { prefix: /events, service: resources }
- { prefix: /ops/explain, service: attribution }
- { prefix: /ops/disclosures, service: attribution }
- { prefix: /ops/sources, service: attribution }
- { prefix: /ops/imports, service: attribution }
- { prefix: /ops/audit, service: attribution }
- { prefix: /ops/slo, service: attribution }
- { prefix: /ops/probe, service: attribution }
- { prefix: /ops/notices, service: attribution }
- { prefix: /ops/attestations, service: attribution }
- { prefix: /ops/evidence, service: attribution }
- { prefix: /ops/lists, service: attribution }
- { prefix: /ops/feeds, service: resources }
- { prefix: /ops/reviews, service: resources }
- { prefix: /ops/members, service: resources }
- { prefix: /ops/lines, service: auth }
- { prefix: /ops/views/auth, service: auth }
- { prefix: /ops/health/auth, service: auth }
- { prefix: /ops/views/attribution, service: attribution }
- { prefix: /ops/health/attribution, service: attribution }
- { prefix: /ops/views/consent, service: consent }
- { prefix: /ops/health/consent, service: consent }
- { prefix: /ops/views/resources, service: resources }
- { prefix: /ops/health/resources, service: resources }
- { prefix: /ops/views/export, service: export }
- { prefix: /ops/health/export, service: export }
{{- end }}
