# What differs between two runs of the same interpreter, or is the name of a program.
# Times of files, in the head of a unified diff.
s/^((---|\+\+\+) .*\t)[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\.[0-9]{9} [-+][0-9]{4}$/\1TIME/
# Programs by their own names.
s/^(\x07?)(\S*\/)?(mariadb-test|mtr-rs( mysqltest)?): /\1PROGRAM: /
# errno is whatever the last failing call of anybody left there.
s/( failed, error: [0-9]+, (status: [0-9]+, )?errno: )[0-9]+$/\1N/
# Scripts of `perl` which failed stay behind under random names.
s/^(== f600 tmp)[A-Za-z0-9]{6}$/\1XXXXXX/
