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
