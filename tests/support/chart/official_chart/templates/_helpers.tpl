{{- define "labels" -}}
helm.sh/chart: ako-1.13.4
app.kubernetes.io/name: ako
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: "1.13.4"
app.kubernetes.io/managed-by: Helm
{{- end }}

{{- define "selector" -}}
app.kubernetes.io/name: ako
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Key of the ConfigMap -> variable of the container. */}}
{{- define "variables" -}}
controllerIP: CTRL_IPADDRESS
cloudName: CLOUD_NAME
clusterName: CLUSTER_NAME
primaryInstance: PRIMARY_AKO_FLAG
apiServerPort: AKO_API_PORT
serviceType: SERVICE_TYPE
shardVSSize: SHARD_VS_SIZE
vipNetworkList: VIP_NETWORK_LIST
{{- end }}

{{- define "environment" -}}
{{- range $key, $name := include "variables" . | fromYaml }}
- name: {{ $name }}
  valueFrom: {configMapKeyRef: {name: avi-k8s-config, key: {{ $key }}}}
{{- end }}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
{{- with .Values.persistentVolumeClaim }}
- {name: USE_PVC, value: "true"}
{{- end }}
- {name: LOG_FILE_PATH, value: {{ .Values.mountPath }}}
{{- end }}

{{- define "mounts" -}}
{{- if or .Values.persistentVolumeClaim .Values.AKOSettings.istioEnabled }}
volumeMounts:
  {{- if .Values.persistentVolumeClaim }}
  - {name: ako-pv-storage, mountPath: {{ .Values.mountPath }}}
  {{- end }}
  {{- if .Values.AKOSettings.istioEnabled }}
  - {name: istio-certs, mountPath: /etc/istio-output-certs/}
  {{- end }}
{{- end }}
{{- end }}
