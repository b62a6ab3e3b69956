{{/* The subject of every binding. */}}
{{- define "ako.subjects" -}}
- kind: ServiceAccount
  name: {{ .Values.serviceAccount.name | default "ako-sa" }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
