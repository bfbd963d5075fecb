# Sourced by the scripts below tests/: where the project and its MariaDB are, and where to run.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
unpacked=$top/.mariadb/root

# Arguments of mtr-rs that make it use the MariaDB of tests/setup/mariadb. Nothing for an installed one,
# which mtr-rs finds by itself.
mariadb_arguments=()
if [ -e "$top/.mariadb/complete" ]; then
  mariadb_arguments=(--basedir="$unpacked/usr")
  libraries=$(find "$unpacked" -name '*.so*' -path '*/lib/*' -not -path '*/plugin/*' -printf '%h\n' | sort -u | paste -sd:)
  export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi

# Prints a new folder for the files of a run: in memory if /dev/shm takes MEGABYTES and may hold
# programs, else below FALLBACK.
#   work_folder MEGABYTES FALLBACK
work_folder() {
  local folder available
  available=$(df --output=avail -m /dev/shm 2>/dev/null | tail -n 1) || available=0
  if [ "${available:-0}" -ge "$1" ] && folder=$(mktemp -d /dev/shm/mtr-rs.XXXXXX 2>/dev/null); then
    printf '#!/bin/sh\n' > "$folder/program"
    chmod +x "$folder/program"
    if "$folder/program" 2>/dev/null; then
      rm "$folder/program"
      echo "$folder"
      return
    fi
    rm -r "$folder"
  fi
  mkdir -p "$2"
  mktemp -d "$2/mtr-rs.XXXXXX"
}
