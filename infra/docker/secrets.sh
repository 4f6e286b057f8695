#!/bin/sh
# Prints every secret that docker-compose.yml asks for, made just now:
#
#   sh infra/docker/secrets.sh > .env
#
# Keep the file: the next start needs the same values. Each begins with a letter, because nats-server takes what looks
# like a number for one.
set -eu

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

for name in \
  ADMIN_TOKEN ADMIN_TOKEN_DASHBOARD FORWARD_TOKEN METRICS_TOKEN MCP_TOKEN OPERATOR_PASSWORD GRAFANA_PASSWORD \
  POSTGRES_PASSWORD POSTGRES_PASSWORD_GATEWAY POSTGRES_PASSWORD_PROJECTION POSTGRES_PASSWORD_MCP \
  POSTGRES_PASSWORD_DASHBOARD POSTGRES_PASSWORD_FORENSICS POSTGRES_PASSWORD_MCP_READER \
  NATS_PASSWORD_GATEWAY NATS_PASSWORD_GUARD NATS_PASSWORD_INCIDENT_REPORTER NATS_PASSWORD_PROJECTION \
  NATS_PASSWORD_MCP NATS_PASSWORD_DASHBOARD NATS_PASSWORD_FORENSICS NATS_PASSWORD_TOPOLOGY \
  NATS_PASSWORD_OPERATOR NATS_PASSWORD_SYSTEM
do
  printf '%s=s%s\n' "$name" "$(random)"
done

# Gateways sign portal sessions with the private key; the dashboard and the MCP server verify them with the public one.
# PEM without its first and last line and without padding, so that a value is one word.
pair=$(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null)
body() { sed '/-----/d' | tr -d '\n='; }
printf 'SESSION_PRIVATE_KEY=%s\n' "$(printf '%s\n' "$pair" | body)"
printf 'SESSION_PUBLIC_KEY=%s\n' "$(printf '%s\n' "$pair" | openssl pkey -pubout | body)"
