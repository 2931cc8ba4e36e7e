# What nodeadm calls: only what the pins leave alone may move.
[[ -z ${APT_CONFIG:-} ]] || cp "$(sed -n 's/^Dir::Etc::Preferences "\(.*\)";/\1/p' "$APT_CONFIG")" "$FAKE/preferences"
