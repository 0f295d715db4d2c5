#!/bin/sh
# supply.sh COMMAND...   A machine's power supply: boots it, and boots it again when it reboots
# (systemd-nspawn then ends with 133). Any other end is a machine that stays off.
"$@"
while [ $? -eq 133 ]; do "$@"; done
