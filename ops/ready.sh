#!/usr/bin/env bash
# Says what a deployment needs and does not find here, all of it at once, before Pulumi starts. Changes nothing.
# Usage: STACK=dev ops/ready.sh. Exit codes: 0 ready, 1 not ready.
set -euo pipefail

readonly stack=${STACK:?name the stack, e.g. STACK=dev ops/ready.sh}
missing=()

need() {
  command -v "$1" >/dev/null 2>&1 || missing+=("$1 is not on the PATH. Install it: $2")
}

need pulumi "https://www.pulumi.com/docs/install/"
need aws "the AWS CLI v2 makes the cluster's tokens, https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"

if command -v pulumi >/dev/null 2>&1; then
  if ! pulumi whoami --non-interactive >/dev/null 2>&1; then
    missing+=("Pulumi has no backend to keep the state in. Choose one: pulumi login (Pulumi Cloud), pulumi login s3://BUCKET, or pulumi login --local")
  elif ! pulumi stack ls --json --non-interactive 2>/dev/null | grep -q "\"name\": \"\([^\"]*/\)\?${stack}\""; then
    missing+=("There is no stack ${stack} in this backend. Make it: pulumi stack init ${stack}")
  fi
fi

if command -v aws >/dev/null 2>&1; then
  profile=$(sed -n 's/^ *aws:profile: *//p' "Pulumi.${stack}.yaml" 2>/dev/null | tr -d "\"'" | head -n 1)
  if ! aws sts get-caller-identity ${profile:+--profile "$profile"} >/dev/null 2>&1; then
    missing+=("AWS credentials do not work${profile:+ (profile $profile)}. Sign in: aws sso login${profile:+ --profile $profile}, or set AWS_PROFILE, or run: pulumi config set aws:profile NAME")
  fi
fi

if ((${#missing[@]})); then
  echo "Not ready to deploy stack ${stack}:" >&2
  printf '  - %s\n' "${missing[@]}" >&2
  echo "To see what it would build without any of this: make plan" >&2
  exit 1
fi
