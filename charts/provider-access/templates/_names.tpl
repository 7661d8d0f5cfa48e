{{- /* Names and labels. A component is a service, `admin` or `probe`. */}}

{{- define "pa.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* 45 characters at most, so that `-attribution-scaler` still fits into 63. */}}
{{- define "pa.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 44 | trimSuffix "-" }}
{{- else if contains (include "pa.name" .) .Release.Name }}
{{- .Release.Name | trunc 44 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "pa.name" .) | trunc 44 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* The services, in the order in which data flow. */}}
{{- define "pa.services" -}}
auth attribution consent resources export
{{- end }}

{{- /* Everything with pods of its own beside the admin job. */}}
{{- define "pa.components" -}}
{{ include "pa.services" . }} probe{{ if .Values.sandbox.enabled }} sandbox{{ end }}
{{- end }}

{{- /* (dict "root" $ "component" "auth"), component optional */}}
{{- define "pa.selector" -}}
app.kubernetes.io/name: {{ include "pa.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "pa.podLabels" -}}
{{ include "pa.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: provider-access
{{- end }}

{{- /* Not of pods: another version of the chart alone is no reason to replace them. */}}
{{- define "pa.labels" -}}
{{ include "pa.podLabels" . }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* What the values say of a component. */}}
{{- define "pa.component" -}}
{{- if hasKey .root.Values.services .component }}
{{- index .root.Values.services .component | toYaml }}
{{- else }}
{{- index .root.Values .component | toYaml }}
{{- end }}
{{- end }}

{{- define "pa.image" -}}
{{- $image := .Values.image }}
{{- if $image.digest }}
{{- printf "%s@%s" $image.repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $image.repository ($image.tag | toString | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "pa.serviceAccount" -}}
{{- $account := (include "pa.component" . | fromYaml).serviceAccount | default dict }}
{{- if $account.name }}
{{- $account.name }}
{{- else if eq (toString $account.create) "false" -}}
default
{{- else }}
{{- printf "%s-%s" (include "pa.fullname" .root) .component }}
{{- end }}
{{- end }}

{{- /* The host of publicUrl, without port. */}}
{{- define "pa.publicHost" -}}
{{- regexReplaceAll ":[0-9]+$" (urlParse .Values.publicUrl).host "" }}
{{- end }}
