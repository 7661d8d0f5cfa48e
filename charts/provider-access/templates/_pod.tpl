{{- /* What every pod has, whatever it runs: nobody's rights, no token of the API, no variables about neighbours. */}}
{{- define "pa.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  # Lets the process read its secrets, which belong to root and this group.
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "pa.containerSecurity" -}}
image: {{ include "pa.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{- /* `pods` with what the component says of its own. */}}
{{- define "pa.pods" -}}
{{- $own := include "pa.component" . | fromYaml }}
{{- mergeOverwrite (deepCopy .root.Values.pods) ($own.pods | default dict) | toYaml }}
{{- end }}

{{- define "pa.placement" -}}
{{- $pods := include "pa.pods" . | fromYaml }}
{{- with $pods.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pods.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pods.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pods.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- /* Only for pods of which there are several. */}}
{{- define "pa.spread" -}}
{{- $pods := include "pa.pods" . | fromYaml }}
{{- if or $pods.spreadOverZones $pods.spreadOverNodes }}
topologySpreadConstraints:
{{- range $key, $when := dict "topology.kubernetes.io/zone" $pods.spreadOverZones "kubernetes.io/hostname" $pods.spreadOverNodes }}
{{- if $when }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: {{ $when }}
    # Each version is spread for itself, or a roll-out would count the old pods.
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels: {{- include "pa.selector" $ | nindent 8 }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "pa.podMetadata" -}}
{{- $pods := include "pa.pods" . | fromYaml -}}
labels:
  {{- include "pa.podLabels" . | nindent 2 }}
  {{- with $pods.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- $annotations := merge dict (.annotations | default dict) ($pods.annotations | default dict) }}
{{- with $annotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Environment of operators, after the chart's own. */}}
{{- define "pa.extraEnv" -}}
{{- with .root.Values.extraEnv }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{- /* A pod that runs to its end (job, probe, test) brings its variables itself. (dict "root" "component") */}}
{{- define "pa.inlineEnv" -}}
{{- range $name, $value := include "pa.env" . | fromYaml }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- include "pa.secretsEnv" . }}
{{- with include "pa.extraEnv" . }}
{{ . }}
{{- end }}
{{- end }}

{{- define "pa.adminContainer" -}}
{{ include "pa.containerSecurity" . }}
{{- with .root.Values.extraEnvFrom }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
env:
  {{- include "pa.inlineEnv" . | trim | nindent 2 }}
resources: {{- toYaml .root.Values.admin.resources | nindent 2 }}
volumeMounts: {{- include "pa.secretsMount" . | trim | nindent 2 }}
{{- end }}
