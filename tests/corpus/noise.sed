# What differs between two runs of the same interpreter, or is the name of a program.
# Times of files, in the head of a unified diff.
s/^((---|\+\+\+) .*\t)[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\.[0-9]{9} [-+][0-9]{4}$/\1TIME/
# Programs by their own names.
s/^(\x07?)(\S*\/)?(mariadb-test|mtr-rs( mysqltest)?): /\1PROGRAM: /
