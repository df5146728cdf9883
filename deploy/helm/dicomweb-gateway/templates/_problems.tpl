{{/*
All that keeps the release from being safe or from starting, told at once. There is no default
for who may use the gateway: that is said by whoever installs it.
*/}}
{{- define "dicomweb-gateway.refuseProblems" -}}
{{- $problems := list -}}
{{- $config := .Values.config -}}
{{- $server := default (dict) $config.server -}}
{{- $auth := default (dict) $config.auth -}}
{{- if and (eq (default "none" $auth.mode) "none") (not $auth.allow_anonymous) -}}
{{- $problems = append $problems "config.auth says nobody who may use the gateway: with auth.mode none everybody who reaches the service can read and store patients' images. If the network or a proxy in front decides who reaches it, say so with config.auth.allow_anonymous=true" -}}
{{- end -}}
{{- if not $config.backends -}}
{{- $problems = append $problems "config.backends is empty: name at least one archive (name, type and url)" -}}
{{- end -}}
{{- $named := or $server.public_url $server.allowed_hosts (and .Values.ingress.enabled .Values.ingress.hosts) -}}
{{- if not $named -}}
{{- $problems = append $problems "nothing says what clients call the gateway, and only requests for a known Host are answered: set ingress.enabled and ingress.hosts, or config.server.public_url, or config.server.allowed_hosts" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- $problems = append $problems "ingress.enabled needs ingress.hosts" -}}
{{- end -}}
{{- $several := or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1) -}}
{{- if and $several (not .Values.serverSecret.existingSecret) (not $server.secret) -}}
{{- $problems = append $problems "several replicas must share one key, or a download that a client resumes at another replica is spoilt: create a Secret with a long random value under the key server-secret, and name it in serverSecret.existingSecret" -}}
{{- end -}}
{{- $grace := .Values.terminationGracePeriodSeconds -}}
{{- $needed := include "dicomweb-gateway.graceNeeded" . | int -}}
{{- if and $grace (lt (int $grace) $needed) -}}
{{- $problems = append $problems (printf "terminationGracePeriodSeconds is %d, but draining may take %d seconds (config.server.drain_delay + shutdown_grace + 10): raise it, or leave it null" (int $grace) $needed) -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "\n\nNot installed:\n\n  - %s\n" (join "\n\n  - " $problems)) -}}
{{- end -}}
{{- end -}}
