{{- /*
What the schema cannot say, or not in words: every fault of the values as one sentence that begins with the value's path. All are
told at once, but for keys that are refused: what is a text instead of a reference is not looked at further. Every template asks
for it first, so that no other error comes before.
*/}}
{{- define "pa.validate" -}}
{{- range list (list "refused") (list "basics" "kafka" "mongodb" "files" "secrets" "variables" "scaling" "routes" "network" "rest") }}
{{- $faults := list }}
{{- range . }}
{{- range include (printf "pa.faults.%s" .) $ | splitList "\n" }}
{{- if trim . }}{{ $faults = append $faults (trim .) }}{{ end }}
{{- end }}
{{- end }}
{{- if $faults }}
{{- fail (printf "these values cannot be used:\n  %s" ($faults | uniq | join "\n  ")) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* `yes` where the keys of a path are there (dict "in" map "path" "a.b"). */}}
{{- define "pa.has" -}}
{{- $keys := splitList "." .path }}
{{- $key := first $keys }}
{{- if and (kindIs "map" .in) (hasKey .in $key) }}
{{- if eq (len $keys) 1 }}yes{{ else }}{{ include "pa.has" (dict "in" (get .in $key) "path" (rest $keys | join ".")) }}{{ end }}
{{- end }}
{{- end }}

{{- define "pa.faults.refused" -}}
{{- $refusals := .Files.Get "files/refusals.yaml" | fromYaml }}
{{- range $path, $instead := $refusals.secrets }}
{{- if include "pa.has" (dict "in" $.Values "path" $path) }}
{{ $path }}: a secret is never a value; put it into a Secret and name that in {{ $instead }}.
{{- end }}
{{- end }}
{{- range $path, $instead := $refusals.renamed }}
{{- if include "pa.has" (dict "in" $.Values "path" $path) }}
{{ $path }}: is called {{ $instead }} here.
{{- end }}
{{- end }}
{{- range include "pa.secretFiles" . | fromYamlArray }}
{{- if not (get $.Values.secrets .of) }}
secrets.{{ .of }}: must be there, and null takes it away; name a Secret in secrets.{{ .of }}.secretName, or leave that empty for none.
{{- end }}
{{- end }}
{{- $places := dict "secrets" .Values.secrets "admin.secrets" .Values.admin.secrets }}
{{- range $name, $service := .Values.services }}{{ $_ := set $places (printf "services.%s.secrets" $name) $service.secrets }}{{ end }}
{{- range $place, $secrets := $places }}
{{- range $name, $reference := $secrets }}
{{- if or (kindIs "string" $reference) (include "pa.has" (dict "in" $reference "path" "value")) }}
{{ $place }}.{{ $name }}: a secret is never a value; put it into a Secret and name that in {{ $place }}.{{ $name }}.secretName.
{{- end }}
{{- end }}
{{- end }}
{{- range .Values.extraEnv }}
{{- if and .value (regexMatch "(PASSWORD|SECRET|TOKEN|CREDENTIAL|PRIVATE_KEY|API_KEY|ACCESS_KEY)" (.name | default "" | upper)) }}
extraEnv: {{ .name }} looks like a secret, and a secret is never a value; use valueFrom.secretKeyRef.
{{- end }}
{{- end }}
{{- end }}

{{- define "pa.faults.basics" -}}
{{- $v := .Values }}
{{- range $name := list "nameOverride" "fullnameOverride" }}
{{- $value := get $v $name | default "" }}
{{- if and $value (not (regexMatch "^[a-z]([a-z0-9-]{0,42}[a-z0-9])?$" $value)) }}
{{ $name }}: must be lower case letters, digits and dashes, 44 at most, beginning with a letter.
{{- end }}
{{- end }}
{{- if not $v.image.repository }}
image.repository: must be set; it is where the image lies, without tag.
{{- else if regexMatch "(://|@|:[^/]*$)" $v.image.repository }}
image.repository: must have neither scheme nor tag nor digest; those are image.tag and image.digest.
{{- end }}
{{- if and $v.image.digest (not (regexMatch "^sha256:[0-9a-f]{64}$" $v.image.digest)) }}
image.digest: must be sha256: and 64 hexadecimal digits.
{{- end }}
{{- if and $v.image.tag (not (regexMatch "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$" $v.image.tag)) }}
image.tag: must be letters, digits, dots, dashes and underscores.
{{- end }}
{{- $plain := eq (include "pa.text" $v.config.ALLOW_PLAIN_HTTP) "true" }}
{{- if not $v.publicUrl }}
publicUrl: must be set; it is the base that providers use, without /fhir.
{{- else if not (regexMatch "^https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[^?#]*)?$" $v.publicUrl) }}
publicUrl: must be an absolute http or https URL without query.
{{- else }}
{{- if and (hasPrefix "http:" $v.publicUrl) (not $plain) }}
publicUrl: must be https: the processes speak plain HTTP behind your TLS. For a trial set config.ALLOW_PLAIN_HTTP to true.
{{- end }}
{{- if regexMatch "/fhir/?$" $v.publicUrl }}
publicUrl: must not end with /fhir, which is added.
{{- else if and (regexMatch "^https?://[^/]+/." $v.publicUrl) (or $v.ingress.enabled $v.gateway.enabled) }}
publicUrl: must have no path where this chart routes: the services answer at /auth and /fhir.
{{- end }}
{{- end }}
{{- if and $v.trustedProxies (not (regexMatch "^([0-9]|10|[0-9A-Fa-f.:]+(/[0-9]{1,3})?( *, *[0-9A-Fa-f.:]+(/[0-9]{1,3})?)*)$" (include "pa.text" $v.trustedProxies))) }}
trustedProxies: must be a number of proxies up to 10, or addresses and networks (CIDR) separated by commas.
{{- end }}
{{- if and $v.payer.organization (not (regexMatch "^Organization/[A-Za-z0-9.-]{1,64}$" $v.payer.organization)) }}
payer.organization: must be Organization/<id>.
{{- end }}
{{- end }}

{{- define "pa.faults.kafka" -}}
{{- $kafka := .Values.kafka }}
{{- $secrets := .Values.secrets }}
{{- if not $kafka.brokers }}
kafka.brokers: must name at least one broker as host:port.
{{- end }}
{{- range $kafka.brokers }}
{{- if not (regexMatch "^[A-Za-z0-9._-]+:[0-9]{1,5}$" .) }}
kafka.brokers: {{ . | quote }} must be host:port, without a scheme.
{{- end }}
{{- end }}
{{- range $name := list "topicPrefix" "groupPrefix" "clientId" }}
{{- $value := get $kafka $name | default "" }}
{{- if and $value (not (regexMatch "^[A-Za-z0-9._-]{1,100}$" $value)) }}
kafka.{{ $name }}: must be letters, digits, dots, dashes and underscores, 100 at most.
{{- end }}
{{- end }}
{{- if gt (int $kafka.topics.minInsyncReplicas) (int $kafka.topics.replication) }}
kafka.topics.minInsyncReplicas: must not be above kafka.topics.replication, or nothing could be written.
{{- end }}
{{- if not $kafka.sasl.mechanism }}
{{- if $kafka.sasl.username }}
kafka.sasl.username: has no effect without kafka.sasl.mechanism.
{{- end }}
{{- if $secrets.kafkaPassword.secretName }}
secrets.kafkaPassword: has no effect without kafka.sasl.mechanism.
{{- end }}
{{- else if eq $kafka.sasl.mechanism "oauthbearer" }}
{{- if not $secrets.kafkaOauthToken.secretName }}
secrets.kafkaOauthToken.secretName: must be set for kafka.sasl.mechanism oauthbearer.
{{- end }}
{{- else }}
{{- range $component := concat (include "pa.services" . | splitList " ") (list "admin") }}
{{- $own := include "pa.component" (dict "root" $ "component" $component) | fromYaml }}
{{- $place := ternary "admin" (printf "services.%s" $component) (eq $component "admin") }}
{{- if not (or $kafka.sasl.username (($own.config | default dict).KAFKA_SASL_USERNAME)) }}
kafka.sasl.username: must be set for kafka.sasl.mechanism {{ $kafka.sasl.mechanism }}, or {{ $place }}.config.KAFKA_SASL_USERNAME.
{{- end }}
{{- if not (or $secrets.kafkaPassword.secretName ((($own.secrets | default dict).kafkaPassword | default dict).secretName)) }}
secrets.kafkaPassword.secretName: must be set for kafka.sasl.mechanism {{ $kafka.sasl.mechanism }}, or {{ $place }}.secrets.kafkaPassword.secretName.
{{- end }}
{{- end }}
{{- end }}
{{- range $name := list "kafkaCa" "kafkaClientCertificate" }}
{{- $reference := get $secrets $name }}
{{- if and (or $reference.secretName (get $reference "configMapName")) (not $kafka.tls.enabled) }}
secrets.{{ $name }}: has no effect without kafka.tls.enabled.
{{- end }}
{{- end }}
{{- end }}

{{- define "pa.faults.mongodb" -}}
{{- $mongodb := .Values.mongodb }}
{{- $reference := .Values.secrets.mongodbUri }}
{{- if and $mongodb.uri $reference.secretName }}
mongodb.uri: must not be set together with secrets.mongodbUri.
{{- end }}
{{- range $component := concat (include "pa.services" . | splitList " ") (list "admin") }}
{{- if not (or $mongodb.uri (include "pa.secrets" (dict "root" $ "component" $component) | fromYaml).mongodbUri.secretName) }}
mongodb.uri: must be set, or secrets.mongodbUri.secretName where the connection string holds a password.
{{- end }}
{{- end }}
{{- with $mongodb.uri }}
{{- if not (regexMatch "^mongodb(\\+srv)?://[^/[:space:]]+(/[^[:space:]]*)?$" .) }}
mongodb.uri: must begin with mongodb:// or mongodb+srv:// and name a host.
{{- else if regexMatch "^mongodb(\\+srv)?://[^/]*:[^/@]*@" . }}
mongodb.uri: holds a password, and a secret is never a value; put it into a Secret and name that in secrets.mongodbUri.
{{- end }}
{{- end }}
{{- if and $mongodb.database (not (regexMatch "^[A-Za-z0-9_-]{1,63}$" $mongodb.database)) }}
mongodb.database: must be letters, digits, dashes and underscores, 63 at most.
{{- end }}
{{- end }}

{{- define "pa.faults.files" -}}
{{- $files := .Values.files }}
{{- $export := .Values.services.export }}
{{- if eq $files.store "s3" }}
{{- if not $files.s3.bucket }}
files.s3.bucket: must be set for files.store s3.
{{- else if not (regexMatch "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$" $files.s3.bucket) }}
files.s3.bucket: must be the name of a bucket: 3 to 63 lower case letters, digits, dots and dashes.
{{- end }}
{{- if $files.fs.claimName }}
files.fs.claimName: has no effect with files.store s3.
{{- end }}
{{- if and $files.s3.endpoint (not (regexMatch "^https?://[^/?#]+" $files.s3.endpoint)) }}
files.s3.endpoint: must be an absolute http or https URL.
{{- end }}
{{- if and $files.s3.kmsKeyId (ne $files.s3.serverSideEncryption "aws:kms") }}
files.s3.kmsKeyId: has no effect without files.s3.serverSideEncryption aws:kms.
{{- end }}
{{- else }}
{{- if not $files.fs.claimName }}
files.fs.claimName: must be set for files.store fs: a PersistentVolumeClaim of yours.
{{- end }}
{{- if $files.s3.bucket }}
files.s3.bucket: has no effect with files.store fs.
{{- end }}
{{- if and (eq $files.fs.accessMode "ReadWriteOnce") (or $export.autoscaling.enabled (gt (int $export.replicas) 1)) }}
files.fs.accessMode: several replicas of export need a volume that all of them can write, ReadWriteMany; or set services.export.replicas to 1.
{{- end }}
{{- end }}
{{- end }}

{{- define "pa.faults.secrets" -}}
{{- $secrets := .Values.secrets }}
{{- $why := dict "tokenSigningKeys" "auth signs access tokens with it" "pageLinkKeys" "resources seals page links with it" "memberHashKeys" "attribution and consent hash member ids with it" "administratorTokens" "administrators prove themselves with it" "payerTokens" "the payer's systems prove themselves with it" }}
{{- range $service, $names := dict "auth" (list "tokenSigningKeys") "attribution" (list "memberHashKeys") "consent" (list "memberHashKeys") "resources" (list "pageLinkKeys") "" (list "administratorTokens" "payerTokens") }}
{{- range $name := $names }}
{{- $held := $secrets }}
{{- if $service }}{{ $held = include "pa.secrets" (dict "root" $ "component" $service) | fromYaml }}{{ end }}
{{- if not (get $held $name).secretName }}
secrets.{{ $name }}.secretName: must be set; {{ get $why $name }}. SECURITY.md says how to make one.
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $reference := $secrets }}
{{- if and $reference.secretName (get $reference "configMapName") }}
secrets.{{ $name }}: must name a Secret or a ConfigMap, not both.
{{- end }}
{{- range $key := list "secretName" "configMapName" }}
{{- $value := get $reference $key | default "" }}
{{- if and $value (not (regexMatch "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$" $value)) }}
secrets.{{ $name }}.{{ $key }}: must be the name of an object: lower case letters, digits, dots and dashes.
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Variables that have a value of their own, or that the chart sets: files/owned.yaml. */}}
{{- define "pa.faults.variables" -}}
{{- $owned := .Files.Get "files/owned.yaml" | fromYaml }}
{{- range $name, $value := .Values.config }}
{{- with get $owned.always $name }}
config.{{ $name }}: is set by this chart; {{ . }}.
{{- end }}
{{- with get $owned.typed $name }}
config.{{ $name }}: is set by {{ . }}.
{{- end }}
{{- end }}
{{- range $service, $own := .Values.services }}
{{- range $name, $value := $own.config }}
{{- with get $owned.always $name }}
services.{{ $service }}.config.{{ $name }}: is set by this chart; {{ . }}.
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.admin.config }}
{{- with get $owned.always $name }}
admin.config.{{ $name }}: is set by this chart; {{ . }}.
{{- end }}
{{- end }}
{{- end }}

{{- define "pa.faults.scaling" -}}
{{- range $service, $own := .Values.services }}
{{- $auto := $own.autoscaling }}
{{- if gt (int $auto.minReplicas) (int $auto.maxReplicas) }}
services.{{ $service }}.autoscaling.minReplicas: must not be above maxReplicas.
{{- end }}
{{- if $auto.enabled }}
{{- if and (eq $auto.engine "hpa") (not $auto.cpuPercent) (not (get $auto "queuedChunks")) }}
services.{{ $service }}.autoscaling: has nothing to scale by; set cpuPercent{{ if eq $service "export" }} or queuedChunks{{ end }}, or engine keda with lagRecords.
{{- end }}
{{- if eq $auto.engine "keda" }}
{{- if not (or $auto.cpuPercent (get $auto "lagRecords") (get $auto "queuedChunks")) }}
services.{{ $service }}.autoscaling: has nothing to scale by; set cpuPercent{{ if hasKey $auto "lagRecords" }} or lagRecords{{ end }}.
{{- end }}
{{- if and (get $auto "queuedChunks") (not (get $auto "prometheusAddress")) }}
services.{{ $service }}.autoscaling.prometheusAddress: must be set for engine keda with queuedChunks: where KEDA asks for them.
{{- end }}
{{- end }}
{{- if and $auto.cpuPercent (not (((($own.resources | default dict).requests) | default dict).cpu)) }}
services.{{ $service }}.resources.requests.cpu: must be set where cpuPercent scales: it is a share of it.
{{- end }}
{{- end }}
{{- if and $own.pdb.enabled (not (regexMatch "^([1-9][0-9]*|[1-9][0-9]?%|100%)$" (include "pa.text" $own.pdb.maxUnavailable))) }}
services.{{ $service }}.pdb.maxUnavailable: must be a number or percentage above zero, or no node could be drained.
{{- end }}
{{- end }}
{{- end }}

{{- define "pa.faults.routes" -}}
{{- $v := .Values }}
{{- if and $v.ingress.enabled $v.gateway.enabled }}
gateway.enabled: is the alternative to ingress.enabled; choose one.
{{- end }}
{{- if and $v.internalIngress.enabled $v.gateway.internal.enabled }}
gateway.internal.enabled: is the alternative to internalIngress.enabled; choose one.
{{- end }}
{{- range $place, $of := dict "internalIngress" $v.internalIngress "gateway.internal" $v.gateway.internal }}
{{- if $of.enabled }}
{{- if not $of.host }}
{{ $place }}.host: must be set; it is how the payer's systems reach /events.
{{- else if not (regexMatch "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$" $of.host) }}
{{ $place }}.host: must be a host name, without scheme, port or path.
{{- else if eq $of.host (include "pa.publicHost" $) }}
{{ $place }}.host: must not be the host of publicUrl, or the public could reach /events and /ops.
{{- end }}
{{- end }}
{{- end }}
{{- range $place, $of := dict "gateway" $v.gateway "gateway.internal" $v.gateway.internal }}
{{- if and $of.enabled (not $of.parentRefs) }}
{{ $place }}.parentRefs: must name a Gateway.
{{- end }}
{{- end }}
{{- end }}

{{- define "pa.faults.network" -}}
{{- $v := .Values }}
{{- $n := $v.networkPolicy }}
{{- $m := $v.monitoring }}
{{- if $n.enabled }}
{{- if and (or $v.ingress.enabled $v.internalIngress.enabled $v.gateway.enabled $v.gateway.internal.enabled) (not $n.fromIngressController) }}
networkPolicy.fromIngressController: must name the pods of the ingress controller or gateway, e.g. by the label kubernetes.io/metadata.name of their namespace: everybody else is denied.
{{- end }}
{{- if and (or $m.serviceMonitor.enabled $m.podMonitor.enabled) (not $n.fromPrometheus) }}
networkPolicy.fromPrometheus: must name the pods of Prometheus, which are denied otherwise.
{{- end }}
{{- end }}
{{- if and $m.serviceMonitor.enabled $m.podMonitor.enabled }}
monitoring.podMonitor.enabled: is the alternative to monitoring.serviceMonitor.enabled; with both everything would be counted twice.
{{- end }}
{{- range $name := list "serviceMonitor" "podMonitor" }}
{{- if not (regexMatch "^[0-9]+(ms|s|m|h)$" ((get $m $name).interval | default "")) }}
monitoring.{{ $name }}.interval: must be a duration, e.g. 30s.
{{- end }}
{{- end }}
{{- end }}

{{- define "pa.faults.rest" -}}
{{- $v := .Values }}
{{- $t := $v.telemetry }}
{{- if and $t.endpoint (not (regexMatch "^https?://[^/?#]+" $t.endpoint)) }}
telemetry.endpoint: must be an absolute http or https URL, e.g. http://collector:4318.
{{- end }}
{{- $headers := $v.secrets.otlpHeaders }}
{{- if and $headers.secretName (not $t.endpoint) }}
secrets.otlpHeaders: has no effect without telemetry.endpoint.
{{- end }}
{{- $ratio := include "pa.text" $t.samplingRatio }}
{{- if and $ratio (not (regexMatch "^(0(\\.[0-9]+)?|1(\\.0+)?|[0-9.]+e-[0-9]+)$" $ratio)) }}
telemetry.samplingRatio: must be a number from 0 to 1.
{{- end }}
{{- $interval := include "pa.text" $t.metricIntervalMs }}
{{- if and $interval (not (regexMatch "^[1-9][0-9]{3,6}$" $interval)) }}
telemetry.metricIntervalMs: must be a whole number of milliseconds from 1000.
{{- end }}
{{- if and $v.serviceLevels.timeZone (not (regexMatch "^(UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+){1,2})(,(UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+){1,2}))*$" $v.serviceLevels.timeZone)) }}
serviceLevels.timeZone: must be names of the IANA data base, separated by commas, e.g. America/Chicago.
{{- end }}
{{- range $v.serviceLevels.holidays }}
{{- if not (regexMatch "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" .) }}
serviceLevels.holidays: {{ . | quote }} must be a date, e.g. "2027-01-01".
{{- end }}
{{- end }}
{{- $cron := $v.probe.cronJob }}
{{- if $cron.enabled }}
{{- if not $cron.secretName }}
probe.cronJob.secretName: must be set; it holds app.json and key.json as `pa probe setup` wrote them.
{{- end }}
{{- if not (regexMatch "^(@(hourly|daily|weekly|monthly)|[^ ]+( [^ ]+){4})$" ($cron.schedule | default "")) }}
probe.cronJob.schedule: must be five fields of cron, e.g. "*/10 * * * *".
{{- end }}
{{- end }}
{{- range $name := list "server" "internalServer" }}
{{- $url := get $v.probe $name | default "" }}
{{- if and $url (not (regexMatch "^https?://[^/?#]+" $url)) }}
probe.{{ $name }}: must be an absolute http or https URL.
{{- end }}
{{- end }}
{{- end }}
