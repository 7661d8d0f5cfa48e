{{- /* (dict "peers" … "ports" …): an egress rule. No peers: anybody, on these ports. */}}
{{- define "pa.egress" -}}
- ports:
    {{- range .ports }}
    - { protocol: TCP, port: {{ . }} }
    {{- end }}
  {{- with .peers }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- /* A rule from or to pods of this release. */}}
{{- define "pa.ownPods" -}}
- podSelector:
    matchLabels: {{- include "pa.selector" . | nindent 6 }}
{{- end }}

{{- define "pa.brokerPorts" -}}
{{- $ports := list }}
{{- range .Values.kafka.brokers }}{{ $ports = append $ports (regexFind "[0-9]+$" . | int) }}{{ end }}
{{- $ports | uniq | sortAlpha | join " " }}
{{- end }}

{{- /* The port of a URL. */}}
{{- define "pa.portOf" -}}
{{- $url := urlParse . }}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (ternary "80" "443" (eq $url.scheme "http")) }}
{{- end }}

{{- define "pa.egressRules" -}}
{{- $v := .root.Values }}
{{- $n := $v.networkPolicy }}
- ports:
    {{- range $n.dnsPorts }}
    - { protocol: UDP, port: {{ . }} }
    - { protocol: TCP, port: {{ . }} }
    {{- end }}
  {{- with $n.toDns }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- if eq .component "probe" }}
{{- $server := $v.probe.server | default $v.publicUrl }}
- ports: [{ protocol: TCP, port: {{ include "pa.portOf" $server }} }]
{{- with $v.probe.internalServer }}
- ports: [{ protocol: TCP, port: {{ include "pa.portOf" . }} }]
{{- else }}
- ports: [{ protocol: TCP, port: http }]
  to:
    {{- include "pa.ownPods" (dict "root" .root "component" "resources") | nindent 4 }}
    {{- include "pa.ownPods" (dict "root" .root "component" "attribution") | nindent 4 }}
{{- end }}
{{- else if eq .component "sandbox" }}
- ports: [{ protocol: TCP, port: http }]
  to:
    {{- include "pa.ownPods" (dict "root" .root "component" "resources") | nindent 4 }}
    {{- include "pa.ownPods" (dict "root" .root "component" "auth") | nindent 4 }}
{{- else }}
{{ include "pa.egress" (dict "peers" $n.toKafka "ports" ($n.kafkaPorts | default (include "pa.brokerPorts" .root | splitList " "))) }}
{{ include "pa.egress" (dict "peers" $n.toMongodb "ports" $n.mongodbPorts) }}
{{- if and $v.telemetry.endpoint (ne .component "admin") }}
{{ include "pa.egress" (dict "peers" $n.toCollector "ports" (list (include "pa.portOf" $v.telemetry.endpoint))) }}
{{- end }}
{{- end }}
{{- if and (include "pa.hasFiles" .) (eq $v.files.store "s3") }}
{{ include "pa.egress" (dict "peers" $n.toObjectStore "ports" $n.objectStorePorts) }}
{{- end }}
{{- if and (eq .component "auth") $n.toJwks }}
{{ include "pa.egress" (dict "peers" $n.toJwks "ports" (list 443)) }}
{{- end }}
{{- /* For one release: pods of the release before hand exports on until the routes lead to export (ADR 0035). */}}
{{- if eq .component "attribution" }}
- ports: [{ protocol: TCP, port: http }]
  to: {{- include "pa.ownPods" (dict "root" .root "component" "export") | nindent 4 }}
{{- end }}
{{- with $n.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "pa.ingressRules" -}}
{{- $n := .root.Values.networkPolicy }}
{{- if has .component (include "pa.services" .root | splitList " ") }}
{{- $own := list }}
{{- if eq .component "export" }}{{ $own = append $own "attribution" }}{{ end }}
{{- if has .component (list "resources" "attribution") }}{{ $own = append $own "probe" }}{{ end }}
{{- if and .root.Values.sandbox.enabled (has .component (list "resources" "auth")) }}
{{- $own = append $own "sandbox" }}
{{- end }}
{{- if or $n.fromIngressController $n.fromPrometheus $own }}
- ports: [{ protocol: TCP, port: http }]
  from:
    {{- with concat $n.fromIngressController $n.fromPrometheus }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- range $own }}
    {{- include "pa.ownPods" (dict "root" $.root "component" .) | nindent 4 }}
    {{- end }}
{{- end }}
{{- with $n.extraIngress }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}

{{- /* (dict "root" "component" "hook" true for what a hook needs) */}}
{{- define "pa.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "pa.fullname" .root }}-{{ .component }}{{ if .hook }}-hook{{ end }}
  labels: {{- include "pa.labels" . | nindent 4 }}
  {{- if .hook }}
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: "-10"
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
  {{- end }}
spec:
  podSelector:
    matchLabels: {{- include "pa.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- with include "pa.ingressRules" . | trim }}
  ingress: {{- . | nindent 4 }}
  {{- end }}
  egress: {{- include "pa.egressRules" . | trim | nindent 4 }}
{{- end }}
