#!/bin/sh
# thaw.sh FILE   Thaws a frozen cgroup when its standard input ends: when the holder lets go, or dies.
read -r _
echo 0 > "$1"
