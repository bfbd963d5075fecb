# Sourced by the scripts beside it that run mtr-rs and mysql-test-run.pl side by side. It sets
#   tree    the folder of mysql-test-run.pl: $BENCH_REFERENCE, or that of the installed mariadb-test
#   work    a folder for the files of the runs, in memory if possible; it goes away at the end
#   as      the words before a command that has to run as the unprivileged user: as root nobody, with a clean environment
# $program has to be the mtr-rs under test; it is copied to $work/mtr-rs.
. "$(dirname "${BASH_SOURCE[0]}")/../setup/common.sh"
"$top/tests/setup/mariadb" demo
program=${program:-$top/target/release/mtr-rs}
tree=${BENCH_REFERENCE:-}
for folder in "$unpacked/usr" /usr; do
  for share in mariadb/mariadb-test mysql/mysql-test mariadb/mysql-test; do
    [ -n "$tree" ] || [ ! -e "$folder/share/$share/mysql-test-run.pl" ] || tree=$folder/share/$share
  done
done
[ -n "$tree" ] || { echo "no mysql-test-run.pl: name its folder in BENCH_REFERENCE" >&2; exit 1; }

work=$(work_folder 3000 "${TMPDIR:-/tmp}")
trap 'rm -rf "$work"' EXIT
cp "$program" "$work/mtr-rs"
as=()
if [ "$(id -u)" = 0 ]; then
  chown nobody "$work"
  as=(setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups)
fi
as+=(env -i "HOME=$work" PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin TERM=dumb
  ${LD_LIBRARY_PATH:+"LD_LIBRARY_PATH=$LD_LIBRARY_PATH"})

