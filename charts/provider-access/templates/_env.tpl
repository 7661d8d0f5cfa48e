{{- /* A value as an environment variable has it; whole numbers without an exponent. Empty when there is none. */}}
{{- define "pa.text" -}}
{{- if kindIs "invalid" . }}
{{- else if kindIs "slice" . }}
{{- join "," . }}
{{- else if kindIs "float64" . }}
{{- if eq . (floor .) }}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end }}
{{- else }}
{{- toString . }}
{{- end }}
{{- end }}

{{- /*
Every variable that the values give, for all components, as YAML. An empty value is no value: its variable is not rendered, so
that it cannot override what the operator set elsewhere.
*/}}
{{- define "pa.variables" -}}
{{- $v := .root.Values }}
{{- $given := dict
  "PUBLIC_URL" $v.publicUrl
  "TRUST_PROXY" $v.trustedProxies
  "LOG_LEVEL" $v.logLevel
  "LOG_FORMAT" $v.logFormat
  "PAYER_ORGANIZATION" $v.payer.organization
  "PAYER_NAME" $v.payer.name
  "KAFKA_BROKERS" $v.kafka.brokers
  "KAFKA_CLIENT_ID" $v.kafka.clientId
  "KAFKA_TOPIC_PREFIX" $v.kafka.topicPrefix
  "KAFKA_GROUP_PREFIX" $v.kafka.groupPrefix
  "KAFKA_TLS" (ternary "true" "" $v.kafka.tls.enabled)
  "KAFKA_SASL_MECHANISM" $v.kafka.sasl.mechanism
  "KAFKA_SASL_USERNAME" $v.kafka.sasl.username
  "KAFKA_PARTITIONS" $v.kafka.topics.partitions
  "KAFKA_REPLICATION" $v.kafka.topics.replication
  "KAFKA_MIN_INSYNC_REPLICAS" $v.kafka.topics.minInsyncReplicas
  "PAYER_RETENTION_DAYS" $v.kafka.topics.payerRetentionDays
  "VERSION_RETENTION_DAYS" $v.kafka.topics.versionRetentionDays
  "MONGODB_URI" $v.mongodb.uri
  "MONGODB_DATABASE" $v.mongodb.database
  "MONGODB_TLS" (ternary "true" "" $v.mongodb.tls.enabled)
  "FILES" $v.files.store
  "OTEL_SDK_DISABLED" (ternary "true" "" $v.telemetry.disabled)
  "OTEL_EXPORTER_OTLP_ENDPOINT" $v.telemetry.endpoint
  "OTEL_TRACES_SAMPLER_ARG" $v.telemetry.samplingRatio
  "OTEL_RESOURCE_ATTRIBUTES" (include "pa.attributes" $v.telemetry.resourceAttributes)
  "OTEL_METRIC_EXPORT_INTERVAL" $v.telemetry.metricIntervalMs
  "TRUST_TRACEPARENT" (ternary "true" "" $v.telemetry.trustTraceparent)
  "REQUEST_LOG" $v.telemetry.requestLog
  "METRICS" $v.telemetry.metrics
  "BUSINESS_TIME_ZONE" $v.serviceLevels.timeZone
  "BUSINESS_DAYS" $v.serviceLevels.businessDays
  "BUSINESS_HOLIDAYS" $v.serviceLevels.holidays
  "SANDBOX" (ternary "true" "" $v.sandbox.enabled)
}}
{{- if eq $v.files.store "s3" }}
{{- $s3 := $v.files.s3 }}
{{- $given = merge $given (dict
  "S3_BUCKET" $s3.bucket
  "S3_PREFIX" $s3.prefix
  "S3_REGION" $s3.region
  "S3_ENDPOINT" $s3.endpoint
  "S3_PATH_STYLE" (ternary "true" "" $s3.pathStyle)
  "S3_SERVER_SIDE_ENCRYPTION" $s3.serverSideEncryption
  "S3_KMS_KEY_ID" $s3.kmsKeyId) }}
{{- else }}
{{- $given = merge $given (dict "FILES_DIR" "/data") }}
{{- if eq $v.files.fs.accessMode "ReadWriteOnce" }}
{{- $given = merge $given (dict "ATTACHMENTS" "inline") }}
{{- end }}
{{- end }}
{{- toYaml $given }}
{{- end }}

{{- /*
"true" for a component with the file store: export, and resources for large attachments. A volume that one pod alone can mount
is export's.
*/}}
{{- define "pa.hasFiles" -}}
{{- $files := .root.Values.files }}
{{- $alone := and (eq $files.store "fs") (eq $files.fs.accessMode "ReadWriteOnce") }}
{{- if or (eq .component "export") (and (eq .component "resources") (not $alone)) }}true{{ end }}
{{- end }}

{{- define "pa.attributes" -}}
{{- $pairs := list }}
{{- range $name, $value := . }}{{ $pairs = append $pairs (printf "%s=%s" $name (include "pa.text" $value | urlquery | replace "+" "%20")) }}{{ end }}
{{- join "," $pairs }}
{{- end }}

{{- /*
The variables of one component (dict "root" $ "component" "auth") as YAML: of those above the ones that it knows
(files/variables.yaml, generated from docs/configuration.json), then `config`, then its own `config`.
*/}}
{{- define "pa.env" -}}
{{- $known := index (.root.Files.Get "files/variables.yaml" | fromYaml) .component }}
{{- $own := include "pa.component" . | fromYaml }}
{{- $given := include "pa.variables" . | fromYaml }}
{{- range list .root.Values.config $own.config }}
{{- range $name, $value := . }}
{{- if include "pa.text" $value }}{{ $_ := set $given $name $value }}{{ end }}
{{- end }}
{{- end }}
{{- if (include "pa.secrets" . | fromYaml).mongodbUri.secretName }}{{ $_ := unset $given "MONGODB_URI" }}{{ end }}
{{- if $own.stopTimeoutSeconds }}{{ $_ := set $given "STOP_TIMEOUT_MS" (printf "%d000" (int $own.stopTimeoutSeconds)) }}{{ end }}
{{- $env := dict }}
{{- range $known }}
{{- $text := include "pa.text" (get $given .) }}
{{- if $text }}{{ $_ := set $env . $text }}{{ end }}
{{- end }}
{{- toYaml $env }}
{{- end }}
