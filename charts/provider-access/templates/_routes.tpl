{{- /* Which prefix belongs to whom; the longest wins. The operations of export on a Group come before them (exportPaths).
       /health and /metrics belong to each process and are not routed. */}}
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
{{- range include "pa.services" . | splitList " " }}
- { prefix: /ops/views/{{ . }}, service: {{ . }} }
- { prefix: /ops/health/{{ . }}, service: {{ . }} }
{{- end }}
{{- end }}

{{- /* (dict "root" $ "name" … "host" … "of" .Values.ingress "routes" …) */}}
{{- define "pa.ingress" -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ .name }}
  labels: {{- include "pa.labels" (dict "root" .root) | nindent 4 }}
  {{- $annotations := .of.annotations }}
  {{- if .exportPaths }}
  {{- $annotations = merge (dict) $annotations (dict "nginx.ingress.kubernetes.io/use-regex" "true") }}
  {{- end }}
  {{- with $annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .of.className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- if .of.tls.enabled }}
  tls:
    - hosts: [{{ .host | quote }}]
      {{- with .of.tls.secretName }}
      secretName: {{ . }}
      {{- end }}
  {{- end }}
  rules:
    - host: {{ .host | quote }}
      http:
        paths:
          {{- range .exportPaths }}
          - path: {{ . | quote }}
            pathType: ImplementationSpecific
            backend: { service: { name: {{ include "pa.fullname" $.root }}-export, port: { name: http } } }
          {{- end }}
          {{- range .routes | fromYamlArray }}
          - path: {{ .prefix }}
            pathType: {{ ternary "Exact" "Prefix" (default false .exact) }}
            backend: { service: { name: {{ include "pa.fullname" $.root }}-{{ .service }}, port: { name: http } } }
          {{- end }}
{{- end }}

{{- /* (dict "root" $ "name" … "host" … "of" .Values.gateway "routes" …) */}}
{{- define "pa.httpRoute" -}}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {{ .name }}
  labels: {{- include "pa.labels" (dict "root" .root) | nindent 4 }}
  {{- with .of.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  parentRefs: {{- toYaml .of.parentRefs | nindent 4 }}
  hostnames: [{{ .host | quote }}]
  rules:
    {{- range .exportPaths }}
    - matches:
        - path: { type: RegularExpression, value: {{ . | quote }} }
      {{- with $.root.Values.gateway.timeouts }}
      timeouts: {{- toYaml . | nindent 8 }}
      {{- end }}
      backendRefs:
        - { name: {{ include "pa.fullname" $.root }}-export, port: 8080 }
    {{- end }}
    {{- /* One rule for each service, because a route has at most 16 rules, and a rule at most 8 matches. */}}
    {{- $routes := .routes | fromYamlArray }}
    {{- range $service := include "pa.services" .root | splitList " " }}
    {{- $own := list }}
    {{- range $routes }}
    {{- if eq .service $service }}{{ $own = append $own . }}{{ end }}
    {{- end }}
    {{- range chunk 8 $own }}
    - matches:
        {{- range . }}
        - path: { type: {{ ternary "Exact" "PathPrefix" (default false .exact) }}, value: {{ .prefix }} }
        {{- end }}
      {{- with $.root.Values.gateway.timeouts }}
      timeouts: {{- toYaml . | nindent 8 }}
      {{- end }}
      backendRefs:
        - { name: {{ include "pa.fullname" $.root }}-{{ $service }}, port: 8080 }
    {{- end }}
    {{- end }}
{{- end }}
