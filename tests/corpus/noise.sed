# What differs between two runs of the same interpreter, or is the name of a program.
# Times of files, in the head of a unified diff.
s/^((---|\+\+\+) .*\t)[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\.[0-9]{9} [-+][0-9]{4}$/\1TIME/
# What --timer-file and --mark-progress measure, in milliseconds.
/^== f[0-7]+ timer$/ { n; s/^[0-9]+/MS/ }
s/^[0-9]+(\t[0-9]+\t[^\t]+:[0-9]+)$/MS\1/
# A program that calls itself by its own name.
s/^(\x07|Warning: )?([^ ]*\/)?(mariadb-test|mtr-rs mysqltest|mtr-rs)(: |  Ver | would have been )/\1mysqltest\4/
# errno is whatever the last failing call of anybody left there.
s/( failed, error: [0-9]+, (status: [0-9]+, )?errno: )[0-9]+$/\1N/
# Temporary files that a script which fails leaves behind have random names.
s/^(== f600 (tmp\/)?tmp)[A-Za-z0-9]{6}$/\1XXXXXX/
# Files and positions of the server's binary log count up.
s/(master_pos_wait\(')[^']*', [0-9]+/\1POSITION/
