{{/*
Names, labels and the image reference. Selector labels and the names of the objects are those of the official AKO
chart, because a StatefulSet's selector and serviceName cannot change: that is what makes an upgrade in place possible.
*/}}

{{- define "ako.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "ako.selectorLabels" -}}
app.kubernetes.io/name: {{ include "ako.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* Labels of the pod of helm test: a pod of this release that is no controller. */}}
{{- define "ako.testLabels" -}}
app.kubernetes.io/name: {{ printf "%s-test" (include "ako.name" . | trunc 58 | trimSuffix "-") | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/*
Labels of every object. What identifies the object wins over what the user adds, so that no key appears twice.
*/}}
{{- define "ako.labels" -}}
{{- $own := include "ako.selectorLabels" . | fromYaml -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- $_ := set $own "app.kubernetes.io/version" (.Chart.AppVersion | replace "+" "_") -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service -}}
{{- toYaml (merge $own (.Values.commonLabels | default dict)) -}}
{{- end -}}

{{/*
The metadata that every object of the chart shares: dict "root" $ "name" NAME, and optionally "namespace" (default: the
release's; "" for a cluster-scoped object), "labels" and "annotations" (its own ones, which win over the common ones).
*/}}
{{- define "ako.metadata" -}}
{{- $namespace := .root.Release.Namespace -}}
{{- if hasKey . "namespace" }}{{ $namespace = .namespace }}{{ end -}}
name: {{ .name | quote }}
{{- with $namespace }}
namespace: {{ . | quote }}
{{- end }}
labels:
  {{- toYaml (merge (include "ako.labels" .root | fromYaml) (.labels | default dict)) | nindent 2 }}
{{- with merge dict (.annotations | default dict) (.root.Values.commonAnnotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
The image: by digest where one is known, otherwise by tag. `global.imageRegistry` replaces the registry of any
repository. A repository that only ever held the official controller cannot be meant: a values file of the official
chart brings it along, so this chart's own image is used (and the notes say so).
*/}}
{{- define "ako.officialImage" -}}
{{- if regexMatch "^(10[.]79[.]172[.]11:5000/avi-buildops/ako|projects[.]packages[.]broadcom[.]com/ako/ako|projects[.]registry[.]vmware[.]com/ako/ako|packages[.]broadcom[.]com/ako/ako)$" (.Values.image.repository | default "") -}}
yes
{{- end -}}
{{- end -}}

{{- define "ako.imageRepository" -}}
{{- $repository := .Values.image.repository -}}
{{- if or (not $repository) (include "ako.officialImage" .) -}}
{{- $repository = index .Chart.Annotations "ako-toolkit/image-repository" -}}
{{- end -}}
{{- with (.Values.global).imageRegistry -}}
{{- $first := splitList "/" $repository | first -}}
{{- if and (contains "/" $repository) (or (contains "." $first) (contains ":" $first) (eq $first "localhost")) -}}
{{- $repository = trimPrefix (printf "%s/" $first) $repository -}}
{{- end -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) $repository -}}
{{- end -}}
{{- $repository -}}
{{- end -}}

{{- define "ako.image" -}}
{{- $repository := include "ako.imageRepository" . -}}
{{- $known := index .Chart.Annotations "ako-toolkit/image-digest" | default "" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else if .Values.image.tag -}}
{{- printf "%s:%s" $repository .Values.image.tag -}}
{{- else if $known -}}
{{- printf "%s@%s" $repository $known -}}
{{- else -}}
{{- printf "%s:%s" $repository .Chart.AppVersion -}}
{{- end -}}
{{- end -}}

{{- define "ako.imagePullSecrets" -}}
{{- with concat ((.Values.global).imagePullSecrets | default list) (.Values.image.pullSecrets | default list) | uniq }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* "yes" if a value is true, or false, in any of the spellings that the schema takes. */}}
{{- define "ako.isTrue" -}}
{{- if has (toString . | lower) (list "true" "t" "1") }}yes{{ end -}}
{{- end -}}
{{- define "ako.isFalse" -}}
{{- if has (toString . | lower) (list "false" "f" "0") }}yes{{ end -}}
{{- end -}}

{{- define "ako.port" -}}
{{- .Values.AKOSettings.apiServerPort | default 8080 | int -}}
{{- end -}}

{{/* "yes" for the instance that owns what a cluster has once: IngressClass, GatewayClass. */}}
{{- define "ako.primary" -}}
{{- if not (include "ako.isFalse" .Values.AKOSettings.primaryInstance) }}yes{{ end -}}
{{- end -}}

{{/* Name of the Secret with the controller's credentials. */}}
{{- define "ako.secretName" -}}
{{- .Values.avicredentials.existingSecret | default "avi-secret" -}}
{{- end -}}

{{/* "yes" if the Gateway API is served. */}}
{{- define "ako.gatewayApi" -}}
{{- if include "ako.isTrue" .Values.featureGates.GatewayAPI }}yes{{ end -}}
{{- end -}}
