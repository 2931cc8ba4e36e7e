#!/usr/bin/env bash
# cloud-init, with which a test checks the nodes' user data, and Session Manager's plugin have no devcontainer feature;
# the rest of the container is in devcontainer.json.
# https://docs.aws.amazon.com/systems-manager/latest/userguide/install-plugin-debian-and-ubuntu.html
set -euo pipefail

sudo apt-get update -qq
sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends cloud-init >/dev/null

case "$(dpkg --print-architecture)" in
  arm64) build=ubuntu_arm64 ;;
  *) build=ubuntu_64bit ;;
esac
package=$(mktemp --suffix=.deb)
trap 'rm -f "$package"' EXIT
curl --fail --silent --show-error --location --retry 5 --output "$package" \
  "https://s3.amazonaws.com/session-manager-downloads/plugin/latest/${build}/session-manager-plugin.deb"
sudo dpkg --install "$package"

make plan
