{{/* What cannot work is refused before anything is installed, in one sentence each, all of them at once. */}}

{{- define "trivet.refusals" -}}
{{- $problems := concat
    (include "trivet.refusals.settings" . | fromJsonArray)
    (include "trivet.refusals.secrets" . | fromJsonArray)
    (include "trivet.refusals.redis" . | fromJsonArray)
    (include "trivet.refusals.scaling" . | fromJsonArray)
    (include "trivet.refusals.network" . | fromJsonArray) }}
{{- if $problems }}
{{- fail (printf "Trivet cannot work with these values:\n- %s" (join "\n- " $problems)) }}
{{- end }}
{{- end }}

{{- define "trivet.refusals.settings" -}}
{{- $said := list }}
{{- $values := .Values }}
{{- $tables := include "trivet.tables" . | fromYaml }}
{{- $secrets := include "trivet.secretNames" . | fromJsonArray }}
{{- if not $values.settings.TRIVET_GITLAB__URL }}
{{- $said = append $said "settings.TRIVET_GITLAB__URL is not set: tell which GitLab to work with, like https://gitlab.example.com" }}
{{- end }}
{{- range $name := keys $values.settings | sortAlpha }}
{{- if has $name $secrets }}
{{- $said = append $said (printf "settings.%s is a secret, and settings can be read by many: put it into the Secret that secrets.existingSecret names" $name) }}
{{- else if hasKey $tables.ours $name }}
{{- $said = append $said (printf "settings.%s is set by the chart: use the value %s" $name (get $tables.ours $name)) }}
{{- else if not (has $name $tables.settings) }}
{{- $said = append $said (printf "settings.%s is no setting of Trivet %s; other environment variables go into pods.extraEnv" $name $.Chart.AppVersion) }}
{{- end }}
{{- end }}
{{- range $place := prepend (include "trivet.roles" . | fromJsonArray) "pods" }}
{{- range (get $values $place).extraEnv }}
{{- if has .name $secrets }}
{{- $said = append $said (printf "%s.extraEnv names %s, which is a secret: put it into the Secret that secrets.existingSecret names" $place .name) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $values.ingress.enabled (trimSuffix "/" (get (urlParse (include "trivet.publicUrl" .)) "path")) }}
{{- $said = append $said "settings.TRIVET_PUBLIC_URL has a path, and the Ingress publishes /hooks and /api alone: take the path away, or publish them another way" }}
{{- end }}
{{- if and $values.web.enabled (not (include "trivet.publicUrl" .)) }}
{{- $said = append $said "settings.TRIVET_PUBLIC_URL is not set: pipelines ask for runs there, like https://trivet.example.com; without pipelines set web.enabled to false" }}
{{- end }}
{{- if and $values.ingress.enabled (not $values.ingress.hosts) }}
{{- $said = append $said "ingress.hosts is empty: name the host that the platforms call, like trivet.example.com" }}
{{- end }}
{{- if and $values.rules.content $values.rules.existingConfigMap }}
{{- $said = append $said "rules.content and rules.existingConfigMap are both set: the rules are one file" }}
{{- end }}
{{- $said | toJson }}
{{- end }}

{{/* Every setting that is a secret, of whichever process. */}}
{{- define "trivet.secretNames" -}}
{{- $names := list }}
{{- range (include "trivet.tables" . | fromYaml).holds }}
{{- $names = concat $names . }}
{{- end }}
{{- uniq $names | toJson }}
{{- end }}

{{- define "trivet.refusals.secrets" -}}
{{- $said := list }}
{{- $secrets := .Values.secrets }}
{{- $values := $secrets.values }}
{{- $tables := include "trivet.tables" . | fromYaml }}
{{- $without := list }}
{{- $known := concat (include "trivet.secretNames" . | fromJsonArray) $tables.shared }}
{{- $ways := compact (list $secrets.existingSecret (ternary "values" "" (not (empty $values))) $secrets.dir) }}
{{- if gt (len $ways) 1 }}
{{- $said = append $said "secrets.existingSecret, secrets.values and secrets.dir exclude each other: secrets come from one place" }}
{{- end }}
{{- range $role := include "trivet.roles" . | fromJsonArray }}
{{- $own := (get $.Values $role).existingSecret }}
{{- if and $secrets.dir $own }}
{{- $said = append $said (printf "secrets.dir and %s.existingSecret exclude each other: secrets come from one place" $role) }}
{{- end }}
{{- if and (not $ways) (not $own) }}
{{- $without = append $without $role }}
{{- end }}
{{- if and $values (not $own) }}
{{- range (include "trivet.items" (dict "root" $ "role" $role) | fromJson).needed }}
{{- if not (get $values .key) }}
{{- $said = append $said (printf "secrets.values has no %s, which %s needs" .key $role) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- with $without }}
{{- $said = append $said (printf "nothing gives secrets to %s: name a Secret in secrets.existingSecret, or one for each role, or a folder in secrets.dir" (join ", " .)) }}
{{- end }}
{{- range $name := keys $values | sortAlpha }}
{{- if not (has $name $known) }}
{{- $said = append $said (printf "secrets.values.%s is no secret of Trivet" $name) }}
{{- end }}
{{- end }}
{{- if and $values.TRIVET_DATABASE_URL (ne .Values.database.kind "postgresql") }}
{{- $said = append $said "secrets.values has TRIVET_DATABASE_URL: set database.kind to postgresql" }}
{{- end }}
{{- if and .Values.database.existingSecret (ne .Values.database.kind "postgresql") }}
{{- $said = append $said "database.existingSecret names a database: set database.kind to postgresql" }}
{{- end }}
{{- if and $secrets.dir (or .Values.database.existingSecret (include "trivet.redisSecret" .)) }}
{{- $said = append $said "with secrets.dir the addresses of Redis and PostgreSQL are files in that folder: leave redis.existingSecret, redis.password and database.existingSecret empty" }}
{{- end }}
{{- $said | toJson }}
{{- end }}

{{- define "trivet.refusals.redis" -}}
{{- $said := list }}
{{- $redis := .Values.redis }}
{{- if and $redis.url (or $redis.enabled $redis.existingSecret) }}
{{- $said = append $said "redis.url names a Redis, and redis.enabled or redis.existingSecret another: keep one" }}
{{- end }}
{{- if and $redis.password (not $redis.enabled) }}
{{- $said = append $said "redis.password is for the Redis of redis.enabled: put the whole address of another one into a Secret, and name that in redis.existingSecret" }}
{{- end }}
{{- if and $redis.password $redis.existingSecret }}
{{- $said = append $said "redis.password and redis.existingSecret exclude each other: the password comes from one place" }}
{{- end }}
{{- if and .Values.secrets.values.TRIVET_REDIS_URL (include "trivet.redisIsKnown" .) }}
{{- $said = append $said "secrets.values has TRIVET_REDIS_URL, and redis names another Redis: keep one" }}
{{- end }}
{{- $said | toJson }}
{{- end }}

{{- define "trivet.refusals.scaling" -}}
{{- $said := list }}
{{- $agents := .Values.agents }}
{{- $most := $agents.replicas }}
{{- if $agents.autoscaling.enabled }}
{{- $most = $agents.autoscaling.maxReplicas }}
{{- end }}
{{- if $agents.keda.enabled }}
{{- $most = $agents.keda.maxReplicas }}
{{- end }}
{{- if and $agents.autoscaling.enabled $agents.keda.enabled }}
{{- $said = append $said "agents.autoscaling and agents.keda exclude each other: two would scale the same pods" }}
{{- end }}
{{- if and (gt (int $most) 1) (ne .Values.database.kind "postgresql") }}
{{- $said = append $said (printf "%d replicas of agents need a database that they share: set database.kind to postgresql and give TRIVET_DATABASE_URL, or keep one replica" (int $most)) }}
{{- end }}
{{- if and $agents.persistence.enabled (eq .Values.database.kind "postgresql") }}
{{- $said = append $said "agents.persistence keeps the file of SQLite, which database.kind postgresql does without: set agents.persistence.enabled to false" }}
{{- end }}
{{- if and $agents.keda.enabled (not .Values.redis.enabled) (not $agents.keda.address) }}
{{- $said = append $said "agents.keda.address is not set: KEDA looks at the queue itself, and needs host and port of the Redis" }}
{{- end }}
{{- range $role := list "serve" "agents" }}
{{- $scaling := (get $.Values $role).autoscaling }}
{{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) }}
{{- $said = append $said (printf "%s.autoscaling.minReplicas is more than maxReplicas" $role) }}
{{- end }}
{{- end }}
{{- if gt (int $agents.keda.minReplicas) (int $agents.keda.maxReplicas) }}
{{- $said = append $said "agents.keda.minReplicas is more than maxReplicas" }}
{{- end }}
{{- $said | toJson }}
{{- end }}

{{- define "trivet.refusals.network" -}}
{{- $said := list }}
{{- $egress := .Values.networkPolicy.egress }}
{{- $wanted := dict "dns" true "platforms" true "redis" (not .Values.redis.enabled) "database" (eq .Values.database.kind "postgresql") }}
{{- if .Values.networkPolicy.enabled }}
{{- range $name, $needed := $wanted }}
{{- $to := get $egress $name }}
{{- if and $needed (not $to.ranges) (not $to.peers) }}
{{- $said = append $said (printf "networkPolicy.egress.%s names neither ranges nor peers, and would be out of reach" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- $said | toJson }}
{{- end }}
