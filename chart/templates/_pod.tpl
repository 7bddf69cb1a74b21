{{/* The pod of a role. */}}

{{/* tini is the first process: it passes signals on, and buries what a killed job leaves behind. */}}
{{- define "trivet.command" -}}
{{- $words := dict "agents" (list "work" "agents") "effects" (list "work" "effects") }}
{{- concat (list "tini" "--" "trivet") (default (list .) (get $words .)) | toJson }}
{{- end }}

{{/* The environment of a role, by name: (root, role). */}}
{{- define "trivet.environment" -}}
{{- $values := .root.Values }}
{{- $env := dict "HOME" "/tmp" "TMPDIR" "/tmp" }}
{{- $_ := set $env "TRIVET_HOST" "0.0.0.0" }}
{{- $_ := set $env "TRIVET_PORT" "8080" }}
{{- $_ := set $env "TRIVET_WEB_PORT" "8081" }}
{{- $_ := set $env "TRIVET_LOG_FORMAT" "json" }}
{{- $_ := set $env "TRIVET_DATA_DIR" "/data" }}
{{- $_ := set $env "TRIVET_SECRETS_DIR" (default "/run/secrets/trivet" $values.secrets.dir) }}
{{- with include "trivet.publicUrl" .root }}
{{- $_ := set $env "TRIVET_PUBLIC_URL" . }}
{{- end }}
{{- range $name, $value := $values.settings }}
{{- $_ := set $env $name (include "trivet.text" $value) }}
{{- end }}
{{- if not (include "trivet.redisSecret" .root) }}
{{- if $values.redis.enabled }}
{{- $_ := set $env "TRIVET_REDIS_URL" (printf "redis://%s:6379/0" (include "trivet.redisHost" .root)) }}
{{- else if $values.redis.url }}
{{- $_ := set $env "TRIVET_REDIS_URL" $values.redis.url }}
{{- end }}
{{- end }}
{{- if include "trivet.rulesMap" .root }}
{{- $_ := set $env "TRIVET_RULES" (printf "/etc/trivet/%s" $values.rules.key) }}
{{- end }}
{{- if and (eq .role "schedule") $values.metrics.enabled }}
{{- $_ := set $env "TRIVET_METRICS_PORT" "9090" }}
{{- end }}
{{- if include "trivet.hasCa" .root }}
{{- range list "SSL_CERT_FILE" "REQUESTS_CA_BUNDLE" }}
{{- $_ := set $env . "/etc/trivet-ca/ca.crt" }}
{{- end }}
{{- end }}
{{- $env | toJson }}
{{- end }}

{{/* The ConfigMap of the rules file; empty where there are no rules. */}}
{{- define "trivet.rulesMap" -}}
{{- $made := ternary "" (printf "%s-rules" (include "trivet.fullname" .)) (empty .Values.rules.content) }}
{{- coalesce .Values.rules.existingConfigMap $made | default "" }}
{{- end }}

{{- define "trivet.hasCa" -}}
{{- if or .Values.ca.certificates .Values.ca.existingConfigMap }}true{{ end }}
{{- end }}

{{/* The port of a role, as {name, number}; nothing for one that speaks no HTTP: (root, role). */}}
{{- define "trivet.port" -}}
{{- $metrics := ternary (dict "name" "metrics" "number" 9090) dict .root.Values.metrics.enabled }}
{{- $ports := dict "serve" (dict "name" "http" "number" 8080) "web" (dict "name" "http" "number" 8081) "schedule" $metrics }}
{{- get $ports .role | default dict | toJson }}
{{- end }}

{{/*
A start may take a minute. What does nothing but HTTP is asked by it; of what works beside it, or speaks none, Trivet's own
command looks whether the process still beats.
*/}}
{{- define "trivet.probes" -}}
{{- if has .role (list "serve" "web") -}}
startupProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 5
  timeoutSeconds: 5
{{- else -}}
startupProbe:
  exec: {command: [trivet, health]}
  periodSeconds: 5
  timeoutSeconds: 10
  failureThreshold: 12
livenessProbe:
  exec: {command: [trivet, health]}
  periodSeconds: 30
  timeoutSeconds: 10
  failureThreshold: 4
{{- end }}
{{- end }}

{{/* (root, role) */}}
{{- define "trivet.podSpec" -}}
{{- $root := .root }}
{{- $values := $root.Values }}
{{- $pod := include "trivet.pod" . | fromYaml }}
{{- $port := include "trivet.port" . | fromJson }}
{{- $selector := include "trivet.roleSelector" . | fromYaml -}}
serviceAccountName: {{ include "trivet.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false # TRIVET_PORT would be among the links
terminationGracePeriodSeconds: {{ $pod.terminationGracePeriodSeconds }}
{{- with $values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml $pod.podSecurityContext | nindent 2 }}
{{- if include "trivet.hasCa" $root }}
initContainers:
  - name: ca
    image: {{ include "trivet.image" (dict "image" $values.image "version" $root.Chart.AppVersion) }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    command:
      - sh
      - -ec
      - for file in /etc/ssl/certs/ca-certificates.crt /ca/*; do cat "$file"; echo; done > /etc/trivet-ca/ca.crt
    securityContext:
      {{- toYaml $pod.securityContext | nindent 6 }}
    resources:
      requests: {cpu: 10m, memory: 16Mi}
      limits: {memory: 64Mi}
    volumeMounts:
      - {name: ca-sources, mountPath: /ca, readOnly: true}
      - {name: ca, mountPath: /etc/trivet-ca}
{{- end }}
containers:
  - name: {{ .role }}
    image: {{ include "trivet.image" (dict "image" $values.image "version" $root.Chart.AppVersion) }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    command: {{ include "trivet.command" .role }}
    env:
      {{- range $name, $value := include "trivet.environment" . | fromJson }}
      - {name: {{ $name }}, value: {{ $value | quote }}}
      {{- end }}
      {{- with $pod.extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- if $port }}
    ports:
      - {name: {{ $port.name }}, containerPort: {{ $port.number }}}
    {{- end }}
    {{- include "trivet.probes" . | nindent 4 }}
    {{- if has .role (list "serve" "web") }}
    lifecycle:
      preStop: {exec: {command: [sleep, "5"]}} # until nothing more is sent here
    {{- end }}
    securityContext:
      {{- toYaml $pod.securityContext | nindent 6 }}
    resources:
      {{- toYaml $pod.resources | nindent 6 }}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
      - {name: data, mountPath: /data}
      {{- if not $values.secrets.dir }}
      - {name: secrets, mountPath: /run/secrets/trivet, readOnly: true}
      {{- end }}
      {{- if include "trivet.rulesMap" $root }}
      - {name: rules, mountPath: /etc/trivet, readOnly: true}
      {{- end }}
      {{- if include "trivet.hasCa" $root }}
      - {name: ca, mountPath: /etc/trivet-ca, readOnly: true}
      {{- end }}
      {{- with $pod.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: {{ $pod.tmp.sizeLimit }}}
  - name: data
    {{- if and (eq .role "agents") $values.agents.persistence.enabled }}
    persistentVolumeClaim:
      claimName: {{ default (printf "%s-agents" (include "trivet.fullname" $root)) $values.agents.persistence.existingClaim }}
    {{- else }}
    emptyDir: {sizeLimit: {{ $pod.data.sizeLimit }}}
    {{- end }}
  {{- if not $values.secrets.dir }}
  - name: secrets
    projected:
      defaultMode: 0440
      sources:
        {{- include "trivet.secretSources" . | nindent 8 }}
  {{- end }}
  {{- with include "trivet.rulesMap" $root }}
  - name: rules
    configMap:
      name: {{ . }}
      items: [{key: {{ $values.rules.key }}, path: {{ $values.rules.key }}}]
  {{- end }}
  {{- if include "trivet.hasCa" $root }}
  - name: ca
    emptyDir: {sizeLimit: 8Mi}
  - name: ca-sources
    projected:
      sources:
        {{- if $values.ca.certificates }}
        - configMap: {name: {{ include "trivet.fullname" $root }}-ca}
        {{- end }}
        {{- with $values.ca.existingConfigMap }}
        - configMap: {name: {{ . }}}
        {{- end }}
  {{- end }}
  {{- with $pod.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $pod.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  - {{ toYaml (mergeOverwrite (dict "labelSelector" (dict "matchLabels" $selector)) .) | nindent 4 | trim }}
  {{- end }}
{{- end }}
{{- include "trivet.placement" $pod }}
{{- with $pod.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where a pod may run; the Redis too. */}}
{{- define "trivet.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}
