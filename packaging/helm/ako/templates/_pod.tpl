{{/*
Annotations of the pod. The checksum covers the settings that the controller reads once, at its start: a change of one
rolls the pods. Settings that it follows while it runs, and the Secret, are not part of it.
*/}}
{{- define "ako.podAnnotations" -}}
checksum/settings: {{ include "ako.settingsAtStart" . | sha256sum }}
{{- if include "ako.isTrue" .Values.featureGates.EnablePrometheus }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ include "ako.port" . | quote }}
prometheus.io/path: /metrics
{{- end }}
{{- if include "ako.isTrue" .Values.AKOSettings.istioEnabled }}
sidecar.istio.io/inject: "true"
traffic.sidecar.istio.io/includeInboundPorts: ""
traffic.sidecar.istio.io/includeOutboundIPRanges: ""
proxy.istio.io/config: |
  proxyMetadata:
    OUTPUT_CERTS: /etc/istio-output-certs
sidecar.istio.io/userVolume: '[{"name": "istio-certs", "emptyDir": {"medium": "Memory"}}]'
sidecar.istio.io/userVolumeMount: '[{"name": "istio-certs", "mountPath": "/etc/istio-output-certs"}]'
{{- end }}
{{- end -}}
