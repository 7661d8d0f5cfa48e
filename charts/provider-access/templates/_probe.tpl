{{- /*
A pod that takes the steps of a provider (dict "root" "component" "probe" "args" list "tokens" list of administrator, payer "app" name of a Secret).
`pa probe --help` says what the arguments and variables are.
*/}}
{{- define "pa.probePod" -}}
{{- $v := .root.Values -}}
restartPolicy: Never
serviceAccountName: {{ include "pa.serviceAccount" . }}
{{ include "pa.podSecurity" . }}
{{- with include "pa.placement" . | trim }}
{{ . }}
{{- end }}
containers:
  - name: probe
    {{- include "pa.containerSecurity" . | nindent 4 }}
    args: {{ concat (list "pa" "probe") .args | toJson }}
    env:
      - { name: PA_SERVER, value: {{ $v.probe.server | default $v.publicUrl | quote }} }
      - { name: PA_INTERNAL_SERVER, value: {{ $v.probe.internalServer | default (printf "http://%s-resources:8080" (include "pa.fullname" .root)) | quote }} }
      - { name: PA_OPS_SERVER, value: {{ $v.probe.internalServer | default (printf "http://%s-attribution:8080" (include "pa.fullname" .root)) | quote }} }
      {{- range .tokens }}
      - { name: PA_{{ upper . }}_TOKEN_FILE, value: {{ include "pa.secretsFolder" $ }}/{{ . }}.tokens }
      {{- end }}
      {{- include "pa.secretsEnv" . | trim | nindent 6 }}
      {{- if .app }}
      - { name: PA_PROBE_APP, value: {{ include "pa.secretsFolder" . }}/app.json }
      {{- end }}
      {{- with include "pa.extraEnv" . }}
      {{- . | nindent 6 }}
      {{- end }}
    resources: {{- toYaml $v.probe.resources | nindent 6 }}
    volumeMounts:
      - { name: secrets, mountPath: {{ include "pa.secretsFolder" . }}, readOnly: true }
      - { name: tmp, mountPath: /tmp }
volumes:
  - name: secrets
    projected:
      defaultMode: 0440
      sources:
        {{- range .tokens }}
        {{- $reference := index $v.secrets (printf "%sTokens" .) }}
        - secret:
            name: {{ $reference.secretName }}
            items: [{ key: {{ $reference.key | quote }}, path: {{ . }}.tokens }]
        {{- end }}
        {{- include "pa.secretsSources" . | nindent 8 }}
        {{- with .app }}
        - secret:
            name: {{ . }}
            items: [{ key: app.json, path: app.json }, { key: key.json, path: key.json }]
        {{- end }}
  - name: tmp
    emptyDir: { sizeLimit: 256Mi }
{{- end }}
