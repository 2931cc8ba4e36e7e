while read -r address; do
    echo "2: eth0    inet $address/24 brd 10.80.0.255 scope global eth0\\       valid_lft forever preferred_lft forever"
done <"$FAKE/addresses"
