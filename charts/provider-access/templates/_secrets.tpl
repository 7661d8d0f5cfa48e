{{- /* Where each file lies in the pod, and the variable that names it. */}}
{{- define "pa.secretFiles" -}}
- { of: tokenSigningKeys, variable: TOKEN_SIGNING_KEYS_FILE, file: token-signing-keys.json, key: key }
- { of: pageLinkKeys, variable: PAGE_LINK_KEYS_FILE, file: page-link.keys, key: key }
- { of: memberHashKeys, variable: MEMBER_HASH_KEYS_FILE, file: member-hash.keys, key: key }
- { of: administratorTokens, variable: ADMINISTRATOR_TOKENS_FILE, file: administrator.tokens, key: key }
- { of: payerTokens, variable: PAYER_TOKENS_FILE, file: payer.tokens, key: key }
- { of: memberPortalTokens, variable: MEMBER_PORTAL_TOKENS_FILE, file: member-portal.tokens, key: key }
- { of: memberPortalKeys, variable: MEMBER_PORTAL_KEYS_FILE, file: member-portal-keys.json, key: key }
- { of: oidcClientSecret, variable: OIDC_CLIENT_SECRET_FILE, file: oidc-client-secret, key: key }
- { of: kafkaPassword, variable: KAFKA_SASL_PASSWORD_FILE, file: kafka-password, key: key }
- { of: kafkaOauthToken, variable: KAFKA_SASL_OAUTH_TOKEN_FILE, file: kafka-oauth-token, key: key }
- { of: kafkaCa, variable: KAFKA_TLS_CA_FILE, file: kafka-ca.pem, key: key }
- { of: kafkaClientCertificate, variable: KAFKA_TLS_CERT_FILE, file: kafka-client.pem, key: key }
- { of: kafkaClientCertificate, variable: KAFKA_TLS_KEY_FILE, file: kafka-client.key, key: privateKeyKey }
- { of: mongodbUri, variable: MONGODB_URI_FILE, file: mongodb-uri, key: key }
- { of: mongodbCa, variable: MONGODB_TLS_CA_FILE, file: mongodb-ca.pem, key: key }
- { of: mongodbClientCertificate, variable: MONGODB_TLS_CERT_KEY_FILE, file: mongodb-client.pem, key: key }
- { of: caBundle, variable: NODE_EXTRA_CA_CERTS, file: ca-bundle.pem, key: key }
- { of: otlpHeaders, variable: OTEL_EXPORTER_OTLP_HEADERS_FILE, file: otlp-headers, key: key }
{{- end }}

{{- /* `secrets` with what the component overrides. */}}
{{- define "pa.secrets" -}}
{{- $own := include "pa.component" . | fromYaml }}
{{- mergeOverwrite (deepCopy .root.Values.secrets) ($own.secrets | default dict) | toYaml }}
{{- end }}

{{- /* The files of a component: those that are referred to and that it knows. A list of { variable, file, source, name, key }. */}}
{{- define "pa.files" -}}
{{- $known := index (.root.Files.Get "files/variables.yaml" | fromYaml) .component }}
{{- $secrets := include "pa.secrets" . | fromYaml }}
{{- $files := list }}
{{- range include "pa.secretFiles" . | fromYamlArray }}
{{- $reference := get $secrets .of }}
{{- $configMap := get $reference "configMapName" }}
{{- if and (or $reference.secretName $configMap) (or (has .variable $known) (eq .of "caBundle")) }}
{{- $files = append $files (dict "variable" .variable "file" .file "source" (ternary "configMap" "secret" (not (empty $configMap))) "name" ($configMap | default $reference.secretName) "key" (get $reference .key)) }}
{{- end }}
{{- end }}
{{- toYaml $files }}
{{- end }}

{{- define "pa.secretsFolder" -}}/etc/provider-access{{- end }}

{{- /* One volume with all files; a file that was replaced in its Secret is replaced in the pod. Readable by the group of the process alone. */}}
{{- define "pa.secretsVolume" -}}
{{- if include "pa.files" . | fromYamlArray }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- include "pa.secretsSources" . | trim | nindent 6 }}
{{- end }}
{{- end }}

{{- define "pa.secretsSources" -}}
{{- range include "pa.files" . | fromYamlArray }}
- {{ .source }}:
    name: {{ .name }}
    items:
      - { key: {{ .key | quote }}, path: {{ .file }} }
{{- end }}
{{- end }}

{{- define "pa.secretsMount" -}}
{{- if include "pa.files" . | fromYamlArray }}
- { name: secrets, mountPath: {{ include "pa.secretsFolder" . }}, readOnly: true }
{{- end }}
- { name: tmp, mountPath: /tmp }
{{- end }}

{{- define "pa.secretsEnv" -}}
{{- range include "pa.files" . | fromYamlArray }}
- { name: {{ .variable }}, value: {{ include "pa.secretsFolder" $ }}/{{ .file }} }
{{- end }}
{{- end }}

{{- /* Credentials of the bucket, by the names that the AWS SDK reads. */}}
{{- define "pa.s3Env" -}}
{{- $reference := (include "pa.secrets" . | fromYaml).s3Credentials }}
{{- if and $reference.secretName (eq .root.Values.files.store "s3") }}
- { name: AWS_ACCESS_KEY_ID, valueFrom: { secretKeyRef: { name: {{ $reference.secretName }}, key: {{ $reference.accessKeyIdKey }} } } }
- { name: AWS_SECRET_ACCESS_KEY, valueFrom: { secretKeyRef: { name: {{ $reference.secretName }}, key: {{ $reference.secretAccessKeyKey }} } } }
{{- end }}
{{- end }}
