candidate='(none)'
[[ -e $FAKE/candidate ]] && candidate=1.7.28-0ubuntu1
printf 'containerd:\n  Installed: (none)\n  Candidate: %s\n  Version table:\n' "$candidate"
