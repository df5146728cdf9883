{{- define "dicomweb-gateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "dicomweb-gateway.fullname" -}}
{{- $name := include "dicomweb-gateway.name" . -}}
{{- $release := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $release .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "dicomweb-gateway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "dicomweb-gateway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "dicomweb-gateway.labels" -}}
{{ include "dicomweb-gateway.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "dicomweb-gateway.serviceAccountName" -}}
{{- default (ternary (include "dicomweb-gateway.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "dicomweb-gateway.image" -}}
{{- $name := join "/" (compact (list .Values.image.registry .Values.image.repository)) -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $name .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "dicomweb-gateway.basePath" -}}
{{- dig "server" "base_path" "/dicom-web" .Values.config -}}
{{- end -}}

{{/* Seconds, rounded up, of a duration such as 30s or 500ms. */}}
{{- define "dicomweb-gateway.seconds" -}}
{{- $number := regexFind "^[0-9]+" . | atoi -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- if eq $unit "ms" -}}
{{- div (add $number 999) 1000 -}}
{{- else -}}
{{- mul $number (get (dict "s" 1 "m" 60 "h" 3600 "d" 86400) $unit) -}}
{{- end -}}
{{- end -}}

{{/* How long a pod may take to end, so that every stream that it still serves can finish. */}}
{{- define "dicomweb-gateway.graceNeeded" -}}
{{- $drain := dig "server" "drain_delay" "5s" .Values.config -}}
{{- $grace := dig "server" "shutdown_grace" "30s" .Values.config -}}
{{- add (include "dicomweb-gateway.seconds" $drain) (include "dicomweb-gateway.seconds" $grace) 10 -}}
{{- end -}}

{{/* What the chart adds to `config.server`, as YAML. */}}
{{- define "dicomweb-gateway.serverAdditions" -}}
{{- $server := default (dict) .Values.config.server -}}
host: 0.0.0.0
port: 8080
{{- if .Values.serverSecret.existingSecret }}
secret: { env: GATEWAY_SERVER_SECRET }
{{- end }}
{{- if and .Values.ingress.enabled .Values.ingress.hosts (not $server.public_url) }}
{{- /* A trusted ingress says itself by which host and scheme it was reached. */}}
{{- if not $server.trusted_proxies }}
public_url: {{ printf "%s://%s" (ternary "https" "http" (not (empty .Values.ingress.tls))) (first .Values.ingress.hosts) }}
{{- end }}
{{- if and (not $server.allowed_hosts) (or $server.trusted_proxies (gt (len .Values.ingress.hosts) 1)) }}
allowed_hosts: {{ toJson .Values.ingress.hosts }}
{{- end }}
{{- end }}
{{- end -}}

{{/* gateway.yaml: what the operator gave, with what the chart knows better. */}}
{{- define "dicomweb-gateway.config" -}}
{{- $additions := dict "server" (include "dicomweb-gateway.serverAdditions" . | fromYaml) -}}
{{- mergeOverwrite (deepCopy .Values.config) $additions | toYaml -}}
{{- end -}}
