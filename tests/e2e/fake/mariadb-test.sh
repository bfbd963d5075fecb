#!/bin/bash
# Instead of the script language: the test file is a shell script, its standard error the report.
for argument; do
  case $argument in
    --test-file=*) file=${argument#*=} ;;
    --timer-file=*) timer=${argument#*=} ;;
  esac
done
# What scripts do to servers.
signal_server() {
  kill -"$1" "$(cat "$MYSQLTEST_VARDIR/run/mysqld.1.pid")"
}
# Tells the test outside that its moment has come.
reached() {
  echo 1 > "$FAKE_REACHED"
}
echo 1 > "$timer"
. "$file"
