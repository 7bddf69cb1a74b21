{{/*
Names and labels. The dot is the chart's own, but where it says (root, role): a dict of the chart's dot and a role,
which may be "redis" too, or "" for what belongs to no role.
*/}}

{{- define "trivet.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 46 | trimAll "-" }}
{{- end }}

{{/* Short enough for what is put behind it. */}}
{{- define "trivet.fullname" -}}
{{- $name := include "trivet.name" . }}
{{- $both := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $both .Values.fullnameOverride | trunc 46 | trimAll "-" }}
{{- end }}

{{/* By which a Service, a policy, a monitor finds whatever is installed. */}}
{{- define "trivet.selectorLabels" -}}
app.kubernetes.io/name: {{ include "trivet.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The same for a role: (root, role). */}}
{{- define "trivet.roleSelector" -}}
{{ include "trivet.selectorLabels" .root }}
{{- with .role }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "trivet.labels" -}}
{{ include "trivet.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* (root, role) */}}
{{- define "trivet.roleLabels" -}}
{{ include "trivet.labels" .root }}
{{- with .role }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{/* name, namespace and labels of an object: (root, role), and what its name ends with where that is not the role. */}}
{{- define "trivet.metadata" -}}
name: {{ include "trivet.fullname" .root }}-{{ default .role .suffix }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "trivet.roleLabels" . | nindent 2 }}
{{- end }}

{{- define "trivet.image" -}}
{{- $tag := default .version .image.tag }}
{{- .image.repository }}{{ if .image.digest }}@{{ .image.digest }}{{ else }}:{{ $tag }}{{ end }}
{{- end }}

{{/* The processes that are installed, as a list. */}}
{{- define "trivet.roles" -}}
{{- $roles := ternary (list "serve" "web") (list "serve") .Values.web.enabled }}
{{- concat $roles (list "agents" "effects" "schedule") | toJson }}
{{- end }}

{{/* What the product's tables say (files/roles.yaml). */}}
{{- define "trivet.tables" -}}
{{- .Files.Get "files/roles.yaml" }}
{{- end }}

{{/* (root, role) */}}
{{- define "trivet.serviceAccountName" -}}
{{- $account := (include "trivet.pod" . | fromYaml).serviceAccount }}
{{- $own := ternary (printf "%s-%s" (include "trivet.fullname" .root) .role) "default" $account.create }}
{{- default $own $account.name }}
{{- end }}

{{/* The values of a role, over those of every pod: (root, role). */}}
{{- define "trivet.pod" -}}
{{- mergeOverwrite (deepCopy .root.Values.pods) (deepCopy (get .root.Values .role)) | toYaml }}
{{- end }}

{{/* Where pipelines and people find us; empty where nothing says it. */}}
{{- define "trivet.publicUrl" -}}
{{- $ingress := .Values.ingress }}
{{- if .Values.settings.TRIVET_PUBLIC_URL }}
{{- .Values.settings.TRIVET_PUBLIC_URL }}
{{- else if and $ingress.enabled $ingress.hosts }}
{{- ternary "https" "http" $ingress.tls.enabled }}://{{ first $ingress.hosts }}
{{- end }}
{{- end }}

{{/* A setting as the environment has it: a list with commas, a whole number without an exponent. */}}
{{- define "trivet.text" -}}
{{- if kindIs "slice" . }}
{{- join "," . }}
{{- else if and (kindIs "float64" .) (eq . (floor .)) }}
{{- int64 . }}
{{- else }}
{{- . }}
{{- end }}
{{- end }}
