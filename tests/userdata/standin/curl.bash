while (($#)); do
    case $1 in
        --output) output=$2; shift ;;
        https://*) url=$1 ;;
    esac
    shift
done
if fails curl; then
    echo 'curl: (6) Could not resolve host: hybrid-assets.eks.amazonaws.com' >&2
    printf 000
    exit 6
fi
page=$FAKE/www/${url#https://}
if [[ ! -e $page ]]; then
    echo 'curl: (22) The requested URL returned error: 403' >&2
    printf 403
    exit 22
fi
cp "$page" "$output"
printf 200
