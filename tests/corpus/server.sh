# Sourced by `compare` and by the benches: a private server for the corpus, in memory, which stays up
# until stop_server.

# Sets $socket and $port; boots the server below FOLDER if it does not answer.
#   start_server FOLDER
start_server() {
  local base=$1 as_root=() std_data options i
  socket=$base/socket
  port=$((21000 + $(printf %s "$base" | cksum | cut -d' ' -f1) % 8000))
  ! answers || return 0
  mkdir -p "$base/tmp"
  [ "$(id -u)" != 0 ] || as_root=(--user=root)
  if [ ! -e "$base/data/mysql" ]; then
    "$(program mariadb-install-db)" --no-defaults "${as_root[@]}" --auth-root-authentication-method=normal \
      --datadir="$base/data" > "$base/install.log" 2>&1 || { cat "$base/install.log" >&2; return 1; }
  fi
  for std_data in /usr/share/{mysql,mariadb}/{mysql,mariadb}-test/std_data ''; do
    [ ! -d "$std_data" ] || break
  done
  mapfile -t options < <(sed "/^#/d; ${std_data:+s|@STD_DATA@|$std_data|;} /@/d" "$corpus/server.opt")
  (cd "$base" && exec setsid "$(program mariadbd)" --no-defaults "${as_root[@]}" --datadir="$base/data" \
    --socket="$socket" --port="$port" --pid-file="$base/pid" --tmpdir="$base/tmp" \
    --log-error="$base/error.log" "${options[@]}" > "$base/console" 2>&1 < /dev/null) &
  for ((i = 0; i < 600; i++)); do
    ! answers || { interpreter "$oracle" --test-file="$corpus/setup.test" > /dev/null; return; }
    sleep 0.05
  done
  tail -n 20 "$base/error.log" "$base/console" >&2
  return 1
}

# Ends the server of start_server.
#   stop_server FOLDER
stop_server() {
  local pid
  pid=$(cat "$1/pid" 2>/dev/null) || return 0
  kill "$pid" 2>/dev/null || return 0
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

# Whether the server answers.
answers() {
  [ -S "$socket" ] && interpreter "$oracle" --max-connect-retries=1 <<< 'select 1;' > /dev/null 2>&1
}

# The path of an installed program that may be in sbin.
program() {
  PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin command -v "$1"
}

# An interpreter on the server. Its words are split on purpose.
interpreter() {
  local command=$1
  shift
  $command --no-defaults --silent --user=root --socket="$socket" --skip-ssl "$@"
}
