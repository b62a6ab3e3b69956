{{/* The subject of every binding. */}}
{{- define "ako.subjects" -}}
- kind: ServiceAccount
  name: {{ .Values.serviceAccount.name | default "ako-sa" | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end -}}

{{/* Name of the ClusterRole: the official chart's for the primary instance, one of its own for a secondary. */}}
{{- define "ako.clusterRole" -}}
{{- ternary "ako-cr" (printf "ako-cr-%s" .Release.Namespace) (eq (include "ako.primary" .) "yes") -}}
{{- end -}}
