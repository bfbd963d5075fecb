#!/bin/bash
# Behaves like a server as far as the runner can see, and badly where `--fake=HOW` says so.
defaults= suffix= datadir=/nowhere how=
for argument; do
  case $argument in
    --defaults-file=*) defaults=${argument#*=} ;;
    --defaults-group-suffix=*) suffix=${argument#*=} ;;
    --datadir=*) datadir=${argument#*=} ;;
    --fake=*) how=${argument#*=} ;;
    --help) mode=help ;;
    --bootstrap) mode=bootstrap ;;
  esac
done

# Tells the test outside that its moment has come.
reached() {
  echo 1 > "$FAKE_REACHED"
}

if [ "$mode" = help ]; then
  case $FAKE_HELP in
    endless) exec cat /dev/zero ;;
    hang) reached; exec sleep 600 ;;
    die) echo 'error while loading shared libraries: libfake.so' >&2; exit 127 ;;
  esac
  echo "$0  Ver 10.11.99-fake for Linux on x86_64 (none)"
  echo 'Copyright (c) nobody.'
  echo
  echo 'Variables (--variable-name=value)'
  echo '------------------------------------------------------------ -------------'
  echo "datadir                                                      $datadir/"
  echo 'version-ssl-library                                          none'
  # A Debug build.
  [ "$FAKE_HELP" != debug ] || echo 'debug-dbug                                                   '
  echo
  exit 0
fi

if [ "$mode" = bootstrap ]; then
  if [ "$FAKE_BOOTSTRAP" = die ]; then
    echo '[ERROR] Fatal error: the fake cannot bootstrap'
    if [ -n "$FAKE_SAYS" ]; then cat "$FAKE_SAYS"; fi
    exit 1
  fi
  if [ "$FAKE_BOOTSTRAP" = full ]; then
    echo "Warning: Disk is full writing './mysql/db.MAI' (Errcode: 28). Waiting for someone to free some space..." >&2
    exec sleep 600
  fi
  if [ "$FAKE_BOOTSTRAP" = hang ]; then
    reached
    exec sleep 600
  fi
  cat > /dev/null
  exit 0
fi

# What this process inherited is told as the kernel sees it.
if [ -n "$FAKE_SIGNALS" ]; then
  while read -r name mask; do
    case $name in SigBlk: | SigIgn:) echo "server $name $mask" >> "$FAKE_SIGNALS" ;; esac
  done < /proc/self/status
fi

value() {
  sed -n "/^\[mysqld$suffix\]/,/^\[/s/^$1=//p" "$defaults" | tail -n 1
}
pid_file=$(value pid-file)

ready() {
  echo 'ready for connections.'
  # Renamed into place, as a pid file is never seen half written.
  echo $$ > "$pid_file.new" && mv "$pid_file.new" "$pid_file"
}

# Waits for SIGTERM like an idle server.
serve() {
  sleep 600 &
  sleeper=$!
  trap 'kill $sleeper; wait $sleeper; rm -f "$pid_file"; exit 0' TERM
  ready
  wait $sleeper
}

case $how in
  hang-at-start)
    reached
    exec sleep 600
    ;;
  hang-at-restart)
    if [ -e "$FAKE_REACHED.first" ]; then reached; exec sleep 600; fi
    touch "$FAKE_REACHED.first"
    serve
    ;;
  die-at-start)
    echo '2026-01-01 00:00:00 0 [ERROR] Fake: cannot find the plugin directory'
    exit 7
    ;;
  say)
    # The words of a real server that this machine does not get to say them.
    printf '%s\n' "$FAKE_LOG"
    case $FAKE_END in
      hang) exec sleep 600 ;;
      [A-Z]*) kill -"$FAKE_END" $$ ;;
    esac
    exit 1
    ;;
  say-and-die) sed "s/PID/$$/" "$FAKE_SAYS"; exit 77 ;;
  say-and-hang)
    sed "s/PID/$$/" "$FAKE_SAYS"
    exec sleep 600
    ;;
  segfault-at-start) kill -SEGV $$ ;;
  die-soon) ready; sleep 0.3; echo '[ERROR] Fake: out of ideas'; exit 3 ;;
  ignore-sigterm)
    trap '' TERM
    ready
    while :; do sleep 600; done
    ;;
  leave-children)
    # One in the group, one in a session of its own, one that lost its parent as well.
    sleep 601 &
    setsid sleep 602 &
    (setsid sleep 603 &)
    serve
    ;;
  hang-at-end)
    trap 'reached; while :; do sleep 600; done' TERM
    ready
    while :; do sleep 600 & wait $!; done
    ;;
  listens)
    # The test outside listens for it.
    ln -sf "$FAKE_SOCKET" "$(value socket)"
    serve
    ;;
  *) serve ;;
esac
