# AWS takes an activation once, and the agent writes down afterwards who the machine is.
[[ ! -e $FAKE/activation-used ]] || exit 1
touch "$FAKE/activation-used"
sleep 1.5
printf '{"ManagedInstanceID":"mi-0123456789abcdef0","Region":"ap-northeast-1"}' >"$EKS_HYBRID_ROOT/var/lib/amazon/ssm/registration"
