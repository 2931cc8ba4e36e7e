rm -f "$FAKE/unconfigured"
