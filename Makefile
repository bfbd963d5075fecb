# make demo    set up MariaDB if it is missing, build, and run the handlersocket tests
# make test    every check; the last line is the sum
# make bench   compare with mysql-test-run.pl (see tests/bench/run)

export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: demo test bench

demo:
	@tests/setup/mariadb demo
	@cargo build --release --locked
	@tests/setup/demo target/release/mtr-rs

test:
	@tests/all

bench:
	@cargo build --release --locked
	@tests/bench/run target/release/mtr-rs
