{{- define "pa.hpa" -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "pa.fullname" .root }}-{{ .component }}
  labels: {{- include "pa.labels" . | nindent 4 }}
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: {{ include "pa.fullname" .root }}-{{ .component }} }
  minReplicas: {{ .auto.minReplicas }}
  maxReplicas: {{ .auto.maxReplicas }}
  metrics:
    {{- if .auto.cpuPercent }}
    - type: Resource
      resource: { name: cpu, target: { type: Utilization, averageUtilization: {{ .auto.cpuPercent }} } }
    {{- end }}
    {{- if .auto.queuedChunks }}
    # Every process tells the same number, of all exports: it is one metric of the Service, shared by the instances, not one of each pod.
    - type: Object
      object:
        describedObject: { apiVersion: v1, kind: Service, name: {{ include "pa.fullname" .root }}-{{ .component }} }
        metric: { name: pa_export_chunks, selector: { matchLabels: { state: queued } } }
        target: { type: AverageValue, averageValue: {{ .auto.queuedChunks | quote }} }
    {{- end }}
  behavior:
    # Each instance that comes or goes moves partitions: quickly up, slowly down.
    scaleUp:
      stabilizationWindowSeconds: 30
      policies: [{ type: Pods, value: 2, periodSeconds: 60 }]
    scaleDown:
      stabilizationWindowSeconds: 600
      policies: [{ type: Pods, value: 1, periodSeconds: 120 }]
{{- end }}

{{- define "pa.groupPrefix" -}}
{{- .Values.kafka.groupPrefix | default .Values.kafka.topicPrefix }}
{{- end }}

{{- define "pa.keda" -}}
{{- $kafka := .root.Values.kafka -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ include "pa.fullname" .root }}-{{ .component }}
  labels: {{- include "pa.labels" . | nindent 4 }}
spec:
  scaleTargetRef: { name: {{ include "pa.fullname" .root }}-{{ .component }} }
  minReplicaCount: {{ .auto.minReplicas }}
  maxReplicaCount: {{ .auto.maxReplicas }}
  cooldownPeriod: 600
  triggers:
    {{- if .auto.cpuPercent }}
    - type: cpu
      metricType: Utilization
      metadata: { value: {{ .auto.cpuPercent | quote }} }
    {{- end }}
    {{- if .auto.lagRecords }}
    # Records of the payer that the group has not handled, an instance.
    - type: kafka
      metadata:
        bootstrapServers: {{ join "," $kafka.brokers | quote }}
        consumerGroup: {{ printf "%s%s-intake" (include "pa.groupPrefix" .root) .component | quote }}
        topic: {{ printf "%spayer.member-events" $kafka.topicPrefix | quote }}
        lagThreshold: {{ include "pa.text" .auto.lagRecords | quote }}
        offsetResetPolicy: earliest
        {{- if $kafka.tls.enabled }}
        tls: enable
        {{- end }}
        {{- with $kafka.sasl.mechanism }}
        sasl: {{ get (dict "plain" "plaintext" "scram-sha-256" "scram_sha256" "scram-sha-512" "scram_sha512" "oauthbearer" "oauthbearer") . }}
        {{- end }}
      {{- if include "pa.kedaAuthentication" . }}
      authenticationRef: { name: {{ include "pa.fullname" .root }}-{{ .component }} }
      {{- end }}
    {{- end }}
    {{- if .auto.queuedChunks }}
    - type: prometheus
      metadata:
        serverAddress: {{ .auto.prometheusAddress | quote }}
        query: {{ printf "max(pa_export_chunks{state=\"queued\",namespace=%q})" .root.Release.Namespace | quote }}
        threshold: {{ .auto.queuedChunks | quote }}
    {{- end }}
{{- end }}

{{- /* `yes` where KEDA needs credentials to ask brokers: those of the service whose group it looks at. */}}
{{- define "pa.kedaAuthentication" -}}
{{- $secrets := include "pa.secrets" . | fromYaml }}
{{- if and (eq .auto.engine "keda") .auto.lagRecords (or .root.Values.kafka.sasl.mechanism $secrets.kafkaCa.secretName $secrets.kafkaClientCertificate.secretName) }}yes{{ end }}
{{- end }}

{{- define "pa.triggerAuthentication" -}}
{{- $secrets := include "pa.secrets" . | fromYaml -}}
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata:
  name: {{ include "pa.fullname" .root }}-{{ .component }}
  labels: {{- include "pa.labels" . | nindent 4 }}
spec:
  {{- if (include "pa.env" . | fromYaml).KAFKA_SASL_USERNAME }}
  configMapTargetRef:
    - { parameter: username, name: {{ include "pa.fullname" .root }}-{{ .component }}, key: KAFKA_SASL_USERNAME }
  {{- end }}
  secretTargetRef:
    {{- range $parameter, $at := dict "password" (list $secrets.kafkaPassword "key") "ca" (list $secrets.kafkaCa "key") "cert" (list $secrets.kafkaClientCertificate "key") "key" (list $secrets.kafkaClientCertificate "privateKeyKey") }}
    {{- $reference := first $at }}
    {{- if $reference.secretName }}
    - { parameter: {{ $parameter }}, name: {{ $reference.secretName }}, key: {{ get $reference (last $at) | quote }} }
    {{- end }}
    {{- end }}
{{- end }}
