{{/* Which Secret a role reads, and which of its keys: never more than the role may hold. */}}

{{/* The role's Secret; empty where the secrets are files that something else brings: (root, role). */}}
{{- define "trivet.secretName" -}}
{{- $secrets := .root.Values.secrets }}
{{- $made := ternary (printf "%s-%s" (include "trivet.fullname" .root) .role) "" (not (empty $secrets.values)) }}
{{- coalesce (get .root.Values .role).existingSecret $secrets.existingSecret $made | default "" }}
{{- end }}

{{/* Whether the address of Redis is said outside of the roles' secrets. */}}
{{- define "trivet.redisIsKnown" -}}
{{- with .Values.redis }}{{ if or .enabled .url .existingSecret }}true{{ end }}{{ end }}
{{- end }}

{{/*
The keys of the role's Secret and the files that they become, as {needed, optional}, lists of {key, path}: (root, role).
Without a needed one the pod does not start, and its events name the key.
*/}}
{{- define "trivet.items" -}}
{{- $root := .root }}
{{- $tables := include "trivet.tables" $root | fromYaml }}
{{- $needs := get $tables.needs .role }}
{{- $elsewhere := list }}
{{- if include "trivet.redisIsKnown" $root }}
{{- $elsewhere = append $elsewhere "TRIVET_REDIS_URL" }}
{{- else }}
{{- $needs = append $needs "TRIVET_REDIS_URL" }}
{{- end }}
{{- if or (ne $root.Values.database.kind "postgresql") $root.Values.database.existingSecret }}
{{- $elsewhere = append $elsewhere "TRIVET_DATABASE_URL" }}
{{- else }}
{{- $needs = append $needs "TRIVET_DATABASE_URL" }}
{{- end }}
{{- $needed := list }}
{{- $optional := list }}
{{- range $name := concat (get $tables.holds .role) $tables.shared }}
{{- if not (has $name $elsewhere) }}
{{- $item := dict "key" $name "path" $name }}
{{- with get $tables.writing $name }}
{{- if has .platform $root.Values.secrets.readWithWritingToken }}
{{- $item = dict "key" .token "path" $name }}
{{- end }}
{{- end }}
{{- if has $name $needs }}
{{- $needed = append $needed $item }}
{{- else }}
{{- $optional = append $optional $item }}
{{- end }}
{{- end }}
{{- end }}
{{- dict "needed" $needed "optional" $optional | toJson }}
{{- end }}

{{/* The sources of the projected volume of a role's secrets: (root, role). */}}
{{- define "trivet.secretSources" -}}
{{- $name := include "trivet.secretName" . }}
{{- $items := include "trivet.items" . | fromJson }}
{{- $database := .root.Values.database -}}
- secret:
    name: {{ $name }}
    optional: true
    items:
      {{- toYaml $items.optional | nindent 6 }}
{{- with $items.needed }}
- secret:
    name: {{ $name }}
    items:
      {{- toYaml . | nindent 6 }}
{{- end }}
{{- with include "trivet.redisSecret" .root }}
- secret:
    name: {{ . }}
    items:
      - {key: {{ include "trivet.redisKey" $.root }}, path: TRIVET_REDIS_URL}
{{- end }}
{{- if and (eq .role "agents") (eq $database.kind "postgresql") $database.existingSecret }}
- secret:
    name: {{ $database.existingSecret }}
    items:
      - {key: {{ $database.key }}, path: TRIVET_DATABASE_URL}
{{- end }}
{{- end }}

{{/* The Secret with the address of Redis; empty where that is no secret, or one of the roles' own. */}}
{{- define "trivet.redisSecret" -}}
{{- $made := ternary (printf "%s-redis" (include "trivet.fullname" .)) "" (and .Values.redis.enabled (not (empty .Values.redis.password))) }}
{{- coalesce .Values.redis.existingSecret $made | default "" }}
{{- end }}

{{- define "trivet.redisKey" -}}
{{- ternary .Values.redis.key "TRIVET_REDIS_URL" (not (empty .Values.redis.existingSecret)) }}
{{- end }}

{{- define "trivet.redisHost" -}}
{{ include "trivet.fullname" . }}-redis.{{ .Release.Namespace }}.svc
{{- end }}

{{/* What restarts pods when it changes: everything else among the secrets is read again while they run. */}}
{{- define "trivet.checksum" -}}
{{- $values := .Values.secrets.values }}
{{- $secrets := list .Values.redis.password $values.TRIVET_REDIS_URL $values.TRIVET_SENTRY_DSN }}
{{- list (include "trivet.sealed" (dict "root" . "secrets" $secrets)) .Values.ca.certificates | toJson | sha256sum }}
{{- end }}

{{/*
What differs when secrets do, and does not help to guess them, as whoever may list pods reads it: scrypt, salted with the
release: (root, secrets).
*/}}
{{- define "trivet.sealed" -}}
{{- if compact .secrets }}
{{- $salt := printf "%s/%s" .root.Release.Namespace (include "trivet.fullname" .root) }}
{{- derivePassword 1 "maximum" (toJson .secrets) $salt "checksum/start" }}
{{- end }}
{{- end }}
