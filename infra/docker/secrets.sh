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
  JWT_SECRET ADMIN_TOKEN FORWARD_TOKEN OPERATOR_PASSWORD GRAFANA_PASSWORD \
  POSTGRES_PASSWORD POSTGRES_PASSWORD_GATEWAY POSTGRES_PASSWORD_PROJECTION POSTGRES_PASSWORD_MCP \
  POSTGRES_PASSWORD_DASHBOARD POSTGRES_PASSWORD_FORENSICS \
  NATS_PASSWORD_GATEWAY NATS_PASSWORD_GUARD NATS_PASSWORD_INCIDENT_REPORTER NATS_PASSWORD_PROJECTION \
  NATS_PASSWORD_MCP NATS_PASSWORD_DASHBOARD NATS_PASSWORD_FORENSICS NATS_PASSWORD_TOPOLOGY \
  NATS_PASSWORD_OPERATOR NATS_PASSWORD_SYSTEM
do
  printf '%s=s%s\n' "$name" "$(random)"
done
